/** Where the node build writes, and what it was made from. Types of the plain JavaScript in `setup.mjs`. */
export declare const BUILD_STAMP: string;
/** A sha256 over the names and contents of everything that the build reads. */
export declare function sourceHash(root: string): string;
/**
 * Installs and builds what is missing or out of date under `root`; its words go to stderr.
 * @throws SetupError with a sentence for the user.
 */
export declare function setup(root: string): Promise<void>;
/** A sentence for the user; the program ends with exit code 2. */
export declare class SetupError extends Error {}
