import { parseHTML } from 'linkedom';

/** An empty document, for the figures of `src/report`: Node has none of its own. */
export function createDocument(): Document {
  return parseHTML('<!doctype html><html><head></head><body></body></html>').document;
}
