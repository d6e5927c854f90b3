import workerUrl from '../session/worker.ts?worker&url';
import type { Command, Report } from '../protocol.ts';

/** What trains, or plays a recorded run: it takes commands and reports. */
export interface Session {
  send(command: Command): void;
  /** Ends it; nothing is reported afterwards. */
  close(): void;
}

/** Where a session's reports go. */
export type Listener = (report: Report) => void;

/** The one policy under which the page makes script from text: the address of its own worker. */
const POLICY = 'softq-worker';

interface ScriptUrlPolicy {
  createScriptURL(url: string): string;
}

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): ScriptUrlPolicy;
}

/** Starts the worker that trains and draws. */
export function startWorker(listener: Listener): Session {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  const rules: ScriptUrlPolicy = {
    createScriptURL: (url) => {
      if (url !== workerUrl) throw new TypeError(`${url} is not the page's worker`);
      return url;
    },
  };
  policy ??= trustedTypes?.createPolicy(POLICY, rules) ?? rules;
  const worker = new Worker(policy.createScriptURL(workerUrl), { type: 'module', name: 'softq session' });
  worker.addEventListener('message', ({ data }: MessageEvent<Report>) => listener(data));
  worker.addEventListener('error', ({ message }) => {
    const reason = message || 'its script could not be loaded';
    listener({
      type: 'failed',
      code: 'error',
      message: `The training worker stopped: ${reason}.`,
      files: null,
    });
  });
  return {
    send(command) {
      const canvases = command.type === 'open' ? Object.values(command.canvases) : [];
      worker.postMessage(command, canvases);
    },
    close: () => worker.terminate(),
  };
}

/** Made once: a page may not create two policies of the same name. */
let policy: ScriptUrlPolicy | undefined;
