// node-postgres through the pooler: one line "ok NAME" or "not ok NAME: WHY" for each case.
'use strict';
const { Client, Pool } = require('pg');
const assert = require('assert');

const settings = {
  host: '127.0.0.1', port: Number(process.env.POOLER_PORT), user: 'app', database: 'app',
};

const cases = {
  async values(client) {
    const date = new Date(Date.UTC(2024, 1, 29, 12));
    const { rows } = await client.query(
      'select $1::int as i, $2::text as t, $3::jsonb as j, $4::timestamptz as d, $5::bytea as b,'
      + ' $6::int[] as a, null as n',
      [7, 'täxt', { wash: [1, 2] }, date, Buffer.from([0, 255]), [1, 2, 3]]);
    assert.deepStrictEqual(rows[0], {
      i: 7, t: 'täxt', j: { wash: [1, 2] }, d: date, b: Buffer.from([0, 255]), a: [1, 2, 3],
      n: null,
    });
  },

  async named(client) {
    for (let turn = 0; turn < 30; turn += 1) {
      for (const name of ['one', 'two', 'three']) {
        const { rows } = await client.query({
          name, text: `select '${name}' || $1::int as v`, values: [turn],
        });
        assert.strictEqual(rows[0].v, name + turn);
      }
    }
  },

  async unnamed(client) {
    for (let turn = 0; turn < 50; turn += 1) {
      const { rows } = await client.query('select $1::int + $2::int as v', [turn, 1]);
      assert.strictEqual(rows[0].v, turn + 1);
    }
  },

  async transaction(client) {
    await client.query('begin');
    const first = (await client.query('select pg_backend_pid() as p')).rows[0].p;
    await assert.rejects(client.query('select 1/0'), { code: '22012' });
    await assert.rejects(client.query('select 1'), { code: '25P02' });
    await client.query('rollback');
    await client.query('begin');
    const { p } = (await client.query('select pg_backend_pid() as p')).rows[0];
    assert.strictEqual((await client.query('select pg_backend_pid() as p')).rows[0].p, p);
    await client.query('commit');
    assert.ok(first > 0);
  },

  async errors(client) {
    await assert.rejects(client.query('selekt'), { code: '42601' });
    await assert.rejects(client.query('select $1::int', ['x']), { code: '22P02' });
    await assert.rejects(client.query({ name: 'bad', text: 'select nothing' }), { code: '42703' });
    const { rows } = await client.query({ name: 'bad2', text: 'select 1 as one' });
    assert.strictEqual(rows[0].one, 1);
  },

  async several(client) {
    const results = await client.query("select 1 as a; select 2 as b; select 'x' as c");
    assert.deepStrictEqual(results.map((r) => Object.values(r.rows[0])[0]), [1, 2, 'x']);
  },

  async rows(client) {
    const { rows } = await client.query('select n from generate_series(1, 20000) n');
    assert.strictEqual(rows.length, 20000);
    assert.strictEqual(rows[19999].n, 20000);
  },

  async queued(client) {
    const answers = await Promise.all([...Array(200).keys()].map(
      (n) => client.query('select $1::int as v', [n])));
    assert.deepStrictEqual(answers.map((a) => a.rows[0].v), [...Array(200).keys()]);
  },

  async pooled() {
    const pool = new Pool({ ...settings, max: 30 });
    const answers = await Promise.all([...Array(600).keys()].map(async (n) => {
      const { rows } = await pool.query({
        name: `s${n % 7}`, text: `select '${n % 7}:' || $1::int as v`, values: [n],
      });
      return rows[0].v;
    }));
    answers.forEach((v, n) => assert.strictEqual(v, `${n % 7}:${n}`));
    await pool.end();
  },

  async notices(client) {
    const seen = [];
    client.on('notice', (notice) => seen.push(notice.message));
    await client.query("do $$ begin raise notice 'washing'; end $$");
    assert.deepStrictEqual(seen, ['washing']);
  },

  async timeout() {
    const client = new Client({ ...settings, query_timeout: 200 });
    await client.connect();
    await assert.rejects(client.query('select pg_sleep(0.6)'), /timeout/);
    await client.end();
  },
};

(async () => {
  for (const [name, run] of Object.entries(cases)) {
    const client = new Client(settings);
    try {
      await client.connect();
      await run(client);
      await client.end();
      console.log(`ok ${name}`);
    } catch (trouble) {
      client.end().catch(() => {});
      console.log(`not ok ${name}: ${String(trouble.stack || trouble).replace(/\s+/g, ' ')}`);
    }
  }
  process.exit(0);
})();
