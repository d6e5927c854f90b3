export { UsageError } from '../gpu/errors.ts';
export type { AcquiredAdapter, AdapterChoice } from './adapter.ts';
export { acquireAdapter, parseAdapterChoice } from './adapter.ts';
