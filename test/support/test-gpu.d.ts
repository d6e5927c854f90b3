/** Resolved by the test project: `gpu.node.ts` under Node, `gpu.browser.ts` in Chromium. */
declare module '#test-gpu' {
  /**
   * An adapter for tests, fresh on every call.
   * @throws where there is none: GPU tests fail then, they are never skipped.
   */
  export function requestTestAdapter(): Promise<{ gpu: GPU; adapter: GPUAdapter }>;
}
