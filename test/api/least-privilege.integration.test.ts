/** The API as a user that has the role nta_reader and nothing else. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApi } from '../../api/server.js';
import { createRegistry } from '../../runtime/process/metrics.js';
import { testLog } from '../support/local-stack.js';
import { type ApiFixture, createApiFixture } from './api-fixture.js';
import { apiSettings, TOKEN } from './api-settings.js';
import { insertAlerts } from './sample-data.js';

const USER = `test_reader_${randomBytes(6).toString('hex')}`;
const PASSWORD = randomBytes(12).toString('hex');

let api: ApiFixture;
beforeAll(async () => {
  api = await createApiFixture();
  await insertAlerts(api.pool, [{ id: 'a', firstSeen: '2026-03-01T11:00:00Z', lastSeen: '2026-03-01T11:10:00Z' }]);
  await api.pool.query(`CREATE ROLE ${USER} LOGIN PASSWORD '${PASSWORD}' IN ROLE nta_reader`);
});
afterAll(async () => {
  await api?.pool.query(`DROP ROLE IF EXISTS ${USER}`);
  await api?.remove();
});

test('every read works, and hearing of alerts, and resolving and reopening one', async () => {
  const service = createApi(
    {
      ...api.database.settings,
      dbUser: USER,
      dbPassword: PASSWORD,
      ...apiSettings(),
    },
    testLog(),
    createRegistry(),
  );
  await service.start();
  try {
    for (const path of [
      'packets?host=192.0.2.1&capture_node=a',
      'alerts',
      'alerts/a',
      'stats?hours=24',
      'stats',
      'nodes',
      'health',
    ]) {
      expect((await fetch(`${service.url}/api/${path}`)).status, path).toBe(200);
    }
    const stream = await fetch(`${service.url}/api/alerts/stream`);
    const chunks = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await chunks.read()).value).toContain('event: reset');
    for (const action of ['resolve', 'reopen', 'undo']) {
      const response = await fetch(`${service.url}/api/alerts/a/${action}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}` },
      });
      expect(response.status, action).toBe(200);
      expect((await chunks.read()).value).toMatch(/^event: alert\ndata: \{"id":"a",/);
    }
  } finally {
    await service.stop();
  }
});
