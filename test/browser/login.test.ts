/** People log in at a provider of OpenID Connect, in real Chromium, and decide in their own name. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import { afterAll, expect, test } from 'vitest';
import { CLIENT_ID, CLIENT_SECRET, startProvider } from '../support/oidc-provider.js';
import { type BrowserFixture, insertScan, SCAN, setUpBrowser } from './browser-fixture.js';

const folder = mkdtempSync(join(tmpdir(), 'nta-browser-login-'));
let fixture: BrowserFixture;

setUpBrowser((made) => {
  fixture = made;
});
afterAll(() => rmSync(folder, { recursive: true }));

test('where there is a provider, people log in there and decide in their own name', async () => {
  await insertScan(fixture.api.pool);
  const secret = join(folder, 'secret');
  writeFileSync(secret, CLIENT_SECRET, { mode: 0o600 });
  const port = await getPort();
  const url = `http://127.0.0.1:${port}`;
  const provider = await startProvider(`${url}/api/login/callback`, {
    ada: { preferred_username: 'ada', groups: ['soc'] },
  });
  const own = await fixture.start(port, '127.0.0.1', {
    apiOpenReads: false,
    apiPublicUrl: url,
    oidcIssuer: provider.issuer,
    oidcClientId: CLIENT_ID,
    oidcClientSecretFile: secret,
    identityRoles: ['soc=analyst'],
  });
  const { page } = await fixture.open();
  try {
    await page.goto(`${url}/alerts/${SCAN.id}`);
    await page.getByRole('link', { name: 'Log in with your account' }).click();
    await page.locator('input[name="login"]').fill('ada');
    await page.locator('input[name="password"]').fill('any');
    await page.locator('button[type="submit"]').click();
    await page.locator('form[action*="/interaction/"] button[type="submit"]').click();
    await page.waitForURL(`${url}/**`);
    await page.goto(`${url}/alerts/${SCAN.id}`);
    await page.getByRole('button', { name: 'Take up' }).click();
    await expect.poll(() => page.locator('main').textContent(), { timeout: 15_000 }).toContain('taken up by oidc:ada');
    await page.goto(`${url}/settings`);
    await page.getByText('analyst: reads, and decides about alerts').waitFor();
  } finally {
    await own.stop();
    await provider.close();
  }
});
