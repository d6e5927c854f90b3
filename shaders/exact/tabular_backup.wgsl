// Q(s, a) <- r(s, a) + continuation(s, a) sum_s' P(s'|s, a) V(s'), continuation = discount (1 - terminates)  (Theorem 2).
// With V the soft value this is the soft Bellman operator, with V of a policy that policy's evaluation operator.
// One invocation per pair (s, a). In place, because V was taken from the whole of the old Q by the kernel before.
// transition (S', S * A), next state first, so that neighbouring invocations read neighbouring numbers; value (S);
// reward, continuation, q and change = |new - old| (S, A).

struct Params {
  states: u32,
  pairs: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> transition: array<f32>;
@group(0) @binding(2) var<storage, read> reward: array<f32>;
@group(0) @binding(3) var<storage, read> continuation: array<f32>;
@group(0) @binding(4) var<storage, read> value: array<f32>;
@group(0) @binding(5) var<storage, read_write> q: array<f32>;
@group(0) @binding(6) var<storage, read_write> change: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let pair = id.x;
  if (pair >= params.pairs) { return; }
  var expected = 0.0;
  for (var next = 0u; next < params.states; next++) {
    expected += transition[next * params.pairs + pair] * value[next];
  }
  let updated = reward[pair] + continuation[pair] * expected;
  change[pair] = abs(updated - q[pair]);
  q[pair] = updated;
}
