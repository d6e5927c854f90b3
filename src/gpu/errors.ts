/**
 * A mistake of the user's, or a limit of their machine: the message is one or two sentences that say what was
 * wrong and what to do. Programs print it without a stack trace and end with exit code 2.
 */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
