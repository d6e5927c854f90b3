import { defineConfig, type Plugin } from 'vite';

/**
 * What the built page may load: its own files, and pictures that it made itself. Script made from text is allowed under
 * one policy, which knows the address of the page's worker and nothing else.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  'trusted-types softq-worker',
  "require-trusted-types-for 'script'",
].join('; ');

/** The policy as part of the built page: it then holds on any static host. The server of `npm run dev` needs its own scripts. */
function contentSecurityPolicy(): Plugin {
  return {
    name: 'softq-content-security-policy',
    apply: 'build',
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content: CONTENT_SECURITY_POLICY },
        injectTo: 'head-prepend',
      },
    ],
  };
}

// The page: `npm run dev` serves it, `npm run build` makes a static site of it, `npm run preview` serves that.
export default defineConfig({
  root: import.meta.dirname,
  // Relative, so that the site works from any path.
  base: './',
  publicDir: false,
  plugins: [contentSecurityPolicy()],
  worker: { format: 'es' },
  build: {
    outDir: '../dist/site',
    emptyOutDir: true,
    target: 'es2023',
    // Its polyfill would be an inline script.
    modulePreload: { polyfill: false },
    // A data: address is no address that the policy allows for scripts.
    assetsInlineLimit: 0,
  },
  preview: {
    headers: {
      'Content-Security-Policy': `${CONTENT_SECURITY_POLICY}; frame-ancestors 'none'`,
      'X-Content-Type-Options': 'nosniff',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    },
  },
});
