// Where the newest transitions of an environment lie in the replay ring: `age` 1 is the newest. ring (capacity, RECORD) of
// [s, a, r, s', terminated, truncated] with two numbers for s and a; cursor and size as in the clock.
const RECORD = 9u;
const NEXT = 5u;

fn is_kept(age: u32, environments: u32, size: u32) -> bool {
  return age * environments <= size;
}

fn row_of(environment: u32, age: u32, environments: u32, cursor: u32, capacity: u32) -> u32 {
  let back = (age * environments) % capacity;
  return (cursor + capacity - back + environment) % capacity;
}
