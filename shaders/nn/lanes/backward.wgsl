// Back through the network of one of R members from dL/dy, in one dispatch that first goes forward again:
// cheaper than loading activations that a forward pass has stored. Of the second layer only the bits are kept which say what
// was above zero; they make dL/dz of all its units, g, and the units of the first layer take their sums over it one by one.
// The slot `gradient` takes what it wants of a unit of either layer, and of all in the end. dOutput (R, total_rows, 4).
// #import nn/lanes/network.wgsl
// #slot gradient

@group(0) @binding(5) var<storage, read> dOutput: array<f32>;

const WORDS1 = 2u; // #tunable
const WORDS2 = 2u; // #tunable
const WORDS1_ROWS = WORDS1 * ROWS;
const WORDS2_ROWS = WORDS2 * ROWS;

var<private> dy: array<f32, OUTPUT_ROWS>;
var<private> active1: array<u32, WORDS1_ROWS>; // bit k of row r: whether unit k of the first layer is above zero
var<private> active2: array<u32, WORDS2_ROWS>;
var<private> g: array<f32, SECOND_ROWS>; // dL/dz of the second layer, g[n ROWS + r]
var<private> t: array<f32, ROWS>; // dL/d of unit k of the first layer, before its ReLU

fn second_layer_gradient() {
  // #unroll
  for (var c = 0u; c < LOADS2; c++) {
    let w = last[params.last_weights + c * LANES + lane];
    // #unroll
    for (var j = 0u; j < LANES; j++) {
      var sum: array<f32, ROWS>;
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        sum[r] = 0.0;
      }
      // #unroll
      for (var o = 0u; o < OUTPUTS; o++) {
        let w_j = subgroupBroadcast(w[o], j);
        // #unroll
        for (var r = 0u; r < ROWS; r++) {
          sum[r] += w_j * dy[o * ROWS + r];
        }
      }
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        // A product, because a compiler would put off a choice until every use of g.
        let bit = (active2[(c * LANES + j) / 32u * ROWS + r] >> ((c * LANES + j) % 32u)) & 1u;
        g[(c * LANES + j) * ROWS + r] = sum[r] * f32(bit);
      }
    }
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(subgroup_invocation_id) subgroup_lane: u32) {
  begin(workgroup.x, subgroup_lane);
  prepare();
  first_layer();
  // #unroll
  for (var k = 0u; k < FIRST; k++) {
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      active1[k / 32u * ROWS + r] |= select(0u, 1u << (k % 32u), h[k * ROWS + r] > 0.0);
    }
  }
  // #unroll
  for (var o = 0u; o < OUTPUTS; o++) {
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      dy[o * ROWS + r] = select(0.0, dOutput[row[r] * 4u + o], stored[r]);
    }
  }
  for (var n = 0u; n < SECOND; n++) {
    second_layer(n);
    // #unroll
    for (var i = 0u; i < WORDS2; i++) {
      let bit = select(0u, 1u << (n % 32u), n / 32u == i);
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        active2[i * ROWS + r] |= select(0u, bit, z[r] > 0.0);
      }
    }
    second_unit(workgroup.x, n);
  }
  second_layer_gradient();
  for (var k = 0u; k < FIRST; k++) {
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      t[r] = 0.0;
    }
    var w: array<vec4f, VECTORS2>;
    // #unroll
    for (var c = 0u; c < VECTORS2; c++) {
      w[c] = second[k * SECOND4 + c * LANES + lane];
    }
    // #unroll
    for (var n = 0u; n < SECOND; n++) {
      let w_n = subgroupBroadcast(w[n / LANES_VEC4][n % 4u], n % LANES_VEC4 / 4u);
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        t[r] += w_n * g[n * ROWS + r];
      }
    }
    var word: array<u32, ROWS>;
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      word[r] = active1[r];
    }
    // #unroll
    for (var i = 0u; i < WORDS1; i++) {
      // #unroll
      for (var r = 0u; r < ROWS; r++) {
        word[r] = select(word[r], active1[i * ROWS + r], k / 32u == i);
      }
    }
    // #unroll
    for (var r = 0u; r < ROWS; r++) {
      t[r] = select(0.0, t[r], (word[r] & (1u << (k % 32u))) != 0u);
    }
    first_unit(workgroup.x, k);
  }
  finish(workgroup.x);
}
