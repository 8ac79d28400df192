// Ordinary use of node-redis: node ordinary_use.cjs PORT PROTOCOL (2 or 3).

const assert = require('node:assert/strict');
const { createClient, createClientPool, ErrorReply, WatchError, RESP_TYPES } = require('redis');

const PORT = Number(process.argv[2]);
const RESP = Number(process.argv[3]);
const options = { RESP, socket: { host: '127.0.0.1', port: PORT, reconnectStrategy: false } };

// A bare object that has what `object` has: what comes of a hash has no prototype.
const plain = (object) => Object.assign({}, object);

async function connect(more = {}) {
  const client = createClient({ ...options, ...more });
  client.on('error', (error) => { throw error; });
  await client.connect();
  return client;
}

async function stringsAndKeys(r) {
  assert.equal(await r.ping(), 'PONG');
  assert.equal(await r.set('key', 'value'), 'OK');
  assert.equal(await r.get('key'), 'value');
  assert.equal(await r.get('none'), null);
  assert.equal(await r.set('key', 'x', { condition: 'NX' }), null);
  assert.equal(await r.set('key', 'x', { condition: 'XX', expiration: { type: 'EX', value: 9 } }), 'OK');
  assert.ok((await r.ttl('key')) > 0);
  assert.equal(await r.persist('key'), 1);
  assert.equal(await r.incrBy('n', 5), 5);
  assert.equal(Number(await r.incrByFloat('f', 0.5)), 0.5);
  assert.equal(await r.mSet({ a: '1', b: '2' }), 'OK');
  assert.deepEqual(await r.mGet(['a', 'none', 'b']), ['1', null, '2']);
  assert.equal(await r.type('a'), 'string');
  const seen = [];
  for await (const keys of r.scanIterator({ COUNT: 3 })) seen.push(...keys);
  assert.deepEqual(seen.sort(), ['a', 'b', 'f', 'key', 'n']);
  assert.equal(await r.del(['a', 'none']), 1);
  assert.equal(await r.dbSize(), 4);
}

async function collections(r) {
  assert.equal(await r.rPush('l', ['a', 'b', 'c']), 3);
  assert.deepEqual(await r.lRange('l', 0, -1), ['a', 'b', 'c']);
  assert.equal(await r.lPop('l'), 'a');
  assert.equal(await r.hSet('h', { f: 1, g: 'two' }), 2);
  assert.deepEqual(plain(await r.hGetAll('h')), { f: '1', g: 'two' });
  assert.deepEqual(await r.hmGet('h', ['g', 'none']), ['two', null]);
  assert.equal(await r.sAdd('s', ['a', 'b']), 2);
  assert.deepEqual([...(await r.sMembers('s'))].sort(), ['a', 'b']);
  assert.equal(await r.zAdd('z', [{ value: 'one', score: 1 }, { value: 'top', score: Infinity }]), 2);
  assert.deepEqual(
    (await r.zRangeWithScores('z', 0, -1)).map(plain),
    [{ value: 'one', score: 1 }, { value: 'top', score: Infinity }],
  );
  assert.equal(await r.zScore('z', 'one'), 1);
  assert.equal(await r.zScore('z', 'none'), null);
  assert.equal(await r.pfAdd('hll', ['a', 'b']), 1);
  assert.equal(await r.pfCount('hll'), 2);
  assert.equal(await r.geoAdd('g', { longitude: 13.361389, latitude: 38.115556, member: 'Palermo' }), 1);
  assert.deepEqual(
    await r.geoSearch('g', { longitude: 13, latitude: 38 }, { radius: 100, unit: 'km' }), ['Palermo'],
  );
  const id = await r.xAdd('x', '*', { field: 'value' });
  assert.deepEqual((await r.xRange('x', '-', '+')).map((entry) => [entry.id, plain(entry.message)]),
    [[id, { field: 'value' }]]);
  assert.equal(await r.xGroupCreate('x', 'group', '0'), 'OK');
  const read = await r.xReadGroup('group', 'me', { key: 'x', id: '>' }, { COUNT: 1 });
  assert.ok(JSON.stringify(read).includes(id));
  assert.equal(await r.xAck('x', 'group', id), 1);
}

async function errors(r) {
  await r.set('text', 'abc');
  for (const call of [r.lPush('text', '1'), r.incr('text'), r.sendCommand(['NO'])]) {
    await assert.rejects(call, ErrorReply);
  }
}

async function transactions(r) {
  assert.deepEqual(await r.multi().set('x', '1').incr('x').hSet('xh', 'f', 'v').exec(), ['OK', 2, 1]);
  const many = Array.from({ length: 500 }, (_, i) => r.set(`many:${i}`, 'v'.repeat(i)));
  assert.ok((await Promise.all(many)).every((reply) => reply === 'OK'));
  const other = await connect();
  await other.watch('x');
  await r.set('x', 'changed by another connection');
  await assert.rejects(other.multi().set('x', 'lost').exec(), WatchError);
  other.destroy();
}

async function messages(r) {
  const reader = await connect();
  const got = [];
  let done;
  const both = new Promise((resolve) => { done = resolve; });
  const take = (message, channel) => { if (got.push([channel, message]) === 2) done(); };
  await reader.subscribe('news', take);
  await reader.pSubscribe('n*', take);
  assert.equal(await r.publish('news', 'hello'), 2);
  await both;
  assert.deepEqual(got, [['news', 'hello'], ['news', 'hello']]);
  await reader.unsubscribe('news');
  await reader.pUnsubscribe('n*');
  assert.equal(await reader.exists('none'), 0);
  reader.destroy();
}

async function connections(r) {
  const raw = (await connect({ database: 3, name: 'worker' })).withTypeMapping({
    [RESP_TYPES.BLOB_STRING]: Buffer,
  });
  const blob = Buffer.from(Array.from({ length: 256 * 100 }, (_, i) => i % 256));
  const key = Buffer.from([0, 255]);
  assert.equal(await raw.set(key, blob), 'OK');
  assert.deepEqual(await raw.get(key), blob);
  assert.equal(await r.exists(key), 0);
  assert.ok((await r.clientList()).some((client) => client.name === 'worker'));
  assert.equal(await raw.flushDb(), 'OK');
  raw.destroy();
  assert.match(await r.info(), /redis_version:/);
  assert.deepEqual(plain(await r.configGet('databases')), { databases: '16' });
  const pool = await createClientPool(options, { minimum: 4 }).connect();
  assert.deepEqual(await Promise.all(Array.from({ length: 8 }, () => pool.ping())), Array(8).fill('PONG'));
  pool.destroy();
}

async function waiting(r) {
  const waiter = await connect();
  const popped = waiter.blPop(['a', 'b'], 20);
  while (!/blocked_clients:1\r/.test(await r.info('clients')));
  await r.rPush('b', 'x');
  assert.deepEqual(plain(await popped), { key: 'b', element: 'x' });
  assert.equal(await waiter.blPop('a', 0.01), null);
  waiter.destroy();
}

async function caching(r) {
  if (RESP !== 3) return;
  const cached = await connect({ clientSideCache: { ttl: 0, maxEntries: 0 } });
  await r.set('kept', '1');
  assert.equal(await cached.get('kept'), '1');
  await r.set('kept', '2');
  // What is cached answers without a turn of the event loop, which must hear of the change.
  while ((await cached.get('kept')) !== '2') await new Promise(setImmediate);
  cached.destroy();
}

async function main() {
  const r = await connect();
  for (const part of [
    stringsAndKeys, collections, errors, transactions, messages, connections, waiting, caching,
  ]) {
    assert.equal(await r.flushAll(), 'OK');
    await part(r);
  }
  r.destroy();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
