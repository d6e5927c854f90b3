// The counters of a run, advanced on the GPU by clock/tick.wgsl; every reader binds them as a uniform.
struct Clock {
  iteration: u32,      // environment steps of each environment so far
  updates: u32,        // gradient steps of the critic so far
  policy_updates: u32, // gradient steps of the sampling network so far
  replay_cursor: u32,  // where the next transition of environment 0 goes in the ring
  replay_size: u32,    // transitions in the ring
}
