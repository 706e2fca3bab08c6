/** What is wrong with the settings of the API is told before anything is waited for. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkApiSettings } from '../../api/server.js';
import { projectRoot } from '../../runtime/process/project.js';
import { apiSettings } from './api-settings.js';

const MISSING = '/nowhere/missing';
const OIDC = {
  oidcIssuer: 'https://login.example',
  oidcClientId: 'nta',
  apiPublicUrl: 'https://nta.example',
  identityRoles: ['*=reader'],
};

test.each([
  [{ assets: MISSING }, /^--assets: .*ENOENT/],
  [{ assets: join(projectRoot, 'README.md') }, /^--assets: .*README\.md cannot be used/],
  [{ geoipDatabase: [MISSING] }, /^--geoip-database: .*ENOENT/],
  [{ geoipDatabase: [join(projectRoot, 'README.md')] }, /^--geoip-database: /],
  [{ apiTokenFile: MISSING, apiToken: '' }, /^--api-token-file: .*ENOENT/],
  [{ apiTlsCert: MISSING, apiTlsKey: MISSING }, /^--api-tls-cert: .*ENOENT/],
  [{ ...OIDC, oidcIssuer: 'login.example' }, /^--oidc-issuer: .*must be a URL/],
  [{ ...OIDC, oidcClientId: '' }, /^--oidc-issuer needs --oidc-client-id/],
  [{ ...OIDC, oidcClientSecretFile: MISSING }, /^--oidc-client-secret-file: .*ENOENT/],
  [{ ...OIDC, identityRoles: [] }, /^--oidc-issuer needs --identity-roles/],
])('%j', async (changes, message) => {
  await expect(checkApiSettings(apiSettings(changes))).rejects.toThrow(message);
});

test('settings that can be used are no failure', async () => {
  await expect(checkApiSettings(apiSettings(OIDC))).resolves.toBeUndefined();
});
