/**
 * `navigator`, which Node has since version 21, for Node 20. `pg` asks it whether it runs at Cloudflare; where there is none it
 * makes a `Response` to find out, for which Node loads its fetch: 70 ms of processor time and 6 MB in every process that uses
 * Postgres. To be called before `pg` is imported.
 */
export function provideNavigator(): void {
  if ('navigator' in globalThis) return;
  const [major] = process.versions.node.split('.');
  Object.defineProperty(globalThis, 'navigator', {
    value: { userAgent: `Node.js/${major}` },
    configurable: true,
    writable: true,
  });
}
