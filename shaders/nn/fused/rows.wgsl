// Role of rows that stand in tensors, for checks: x (R, rows, inputs) and dy (R, rows, outputs) go in, y and dx like them
// come out.

struct Params {
  inputs: u32,
  outputs: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> x: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(10) var<storage, read_write> y: array<f32>;
@group(0) @binding(11) var<storage, read_write> dx: array<f32>;

fn prepare(row: u32) {
  for (var i = 0u; i < params.inputs; i++) { set_input(row, i, x[(member * network.rows + row) * params.inputs + i]); }
}

fn differentiate(row: u32) {
  let at = (member * network.rows + row) * params.outputs;
  for (var i = 0u; i < params.outputs; i++) { set_output_gradient(row, i, dy[at + i]); }
}

fn finish(row: u32) {
  let from_row = (member * network.rows + row) * params.outputs;
  for (var i = 0u; i < params.outputs; i++) { y[from_row + i] = output(row, i); }
  let to_row = (member * network.rows + row) * params.inputs;
  for (var i = 0u; i < params.inputs; i++) { dx[to_row + i] = input_gradient(row, i); }
}
