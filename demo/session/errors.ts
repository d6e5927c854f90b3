import type { Report } from '../protocol.ts';

/** Why there is no going on, as the page tells it. */
export type FailureCode = Extract<Report, { type: 'failed' }>['code'];

/** An end of the session that has a code of its own. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string) {
    super(message);
    this.code = code;
  }
}
