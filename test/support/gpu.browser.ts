/** The browser's adapter; see `test-gpu.d.ts`. */
export async function requestTestAdapter(): Promise<{ gpu: GPU; adapter: GPUAdapter }> {
  if (!('gpu' in navigator)) throw new Error('this browser has no WebGPU');
  const adapter = await navigator.gpu.requestAdapter();
  if (adapter === null)
    throw new Error('the browser gave no WebGPU adapter; look at the flags in test/support/chromium.ts');
  return { gpu: navigator.gpu, adapter };
}
