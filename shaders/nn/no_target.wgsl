// Nothing follows the parameters. Linked into nn/adam.wgsl.
fn follow(at: u32, online: f32) {}
