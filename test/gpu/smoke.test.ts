import { afterAll, beforeAll, expect, test } from 'vitest';
import { requestTestAdapter } from '#test-gpu';

const COUNT = 256;
const CODE = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  values[id.x] = id.x * id.x + 1u;
}`;

let device: GPUDevice;
beforeAll(async () => {
  const { adapter } = await requestTestAdapter();
  device = await adapter.requestDevice();
});
afterAll(() => device.destroy());

test('the test adapter computes', async () => {
  const module = device.createShaderModule({ code: CODE });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const size = COUNT * Uint32Array.BYTES_PER_ELEMENT;
  const values = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const readback = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const layout = pipeline.getBindGroupLayout(0);
  pass.setBindGroup(
    0,
    device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: values } }] }),
  );
  pass.dispatchWorkgroups(COUNT / 64);
  pass.end();
  encoder.copyBufferToBuffer(values, 0, readback, 0, size);
  device.queue.submit([encoder.finish()]);
  await readback.mapAsync(GPUMapMode.READ);
  const read = [...new Uint32Array(readback.getMappedRange())];
  expect(read).toEqual(Array.from({ length: COUNT }, (_, index) => index * index + 1));
});
