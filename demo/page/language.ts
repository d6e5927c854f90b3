/**
 * Chromium under a POSIX locale says that the visitor's language is `en-US@posix`, which `Intl` does not know, and uPlot
 * asks `Intl` as soon as it is loaded. To be imported before it.
 */
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en-US', configurable: true });
}
