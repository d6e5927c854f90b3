// Role of the sampling network on its way back: dJ/du = scale phi of the updated particles (eq. 13, 14), where
// phi_i = 1/M sum_j [ kappa(x_j, y_i) score_j + repulsion grad_{x_j} kappa(x_j, y_i) ],  kappa = exp(-|x_j - y_i|^2 / h).
// Row p B + b of particle p, the M fixed ones before the updated ones; fixed ones that share a block with updated ones get
// no gradient. pre_tanh (u) and actions (a) (R, particles, B, stride); slopes (R, M B, A) with dQ/da; bandwidth (R, B).
// #import svgd/stein_terms.wgsl

struct Params {
  states: u32,
  fixed_particles: u32,
  action_size: u32,
  stride: u32,
  repulsion: f32,
  reward_scale: f32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> pre_tanh: array<f32>;
@group(0) @binding(5) var<storage, read> actions: array<f32>;
@group(0) @binding(6) var<storage, read> slopes: array<f32>;
@group(0) @binding(7) var<storage, read> bandwidth: array<f32>;
@group(0) @binding(8) var<storage, read> temperature: array<f32>;

fn component_of(particle: u32, d: u32) -> f32 {
  let at = particle * params.stride + d;
  return position(pre_tanh[at], actions[at]);
}

fn differentiate(row: u32) {
  if (row < params.fixed_particles * params.states) {
    for (var d = 0u; d < params.action_size; d++) { set_output_gradient(row, d, 0.0); }
    return;
  }
  let state = row % params.states;
  let first = member * network.rows;
  let alpha = temperature[member] * params.reward_scale;
  let h = bandwidth[member * params.states + state];
  for (var d = 0u; d < params.action_size; d++) {
    var phi = 0.0;
    for (var j = 0u; j < params.fixed_particles; j++) {
      let fixed_row = j * params.states + state;
      var squared = 0.0;
      for (var i = 0u; i < params.action_size; i++) {
        let apart = component_of(first + fixed_row, i) - component_of(first + row, i);
        squared += apart * apart;
      }
      let kappa = exp(-squared / h);
      let at = (first + fixed_row) * params.stride + d;
      let slope_at = (member * params.fixed_particles * params.states + fixed_row) * params.action_size + d;
      let difference = component_of(first + fixed_row, d) - component_of(first + row, d);
      phi += kappa * score(pre_tanh[at], actions[at], slopes[slope_at] / alpha)
        + params.repulsion * kernel_slope(kappa, difference, h, actions[at]);
    }
    phi *= step_slope(pre_tanh[(first + row) * params.stride + d]) / f32(params.fixed_particles);
    set_output_gradient(row, d, params.scale * phi);
  }
}
