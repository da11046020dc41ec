// The npm package wechatpay-axios-plugin, unmodified, against the WeChat Pay mock: both key modes, over http and https.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { control, finish, load, merchant, nextDay, orderNo, step, world } from './common.mjs';

const { Wechatpay, Rsa, Aes, Formatter } = load('wechatpay-axios-plugin');
const rail = world.wechatpay;
const keys = rail.keys;

const shop = await merchant(() => ({ status: 200, body: '' }));

function client(baseURL, mode) {
  const certs = mode === 'certificate'
    ? { [keys.platform_serial]: keys.platform_certificate }
    : { [keys.public_key_id]: keys.public_key };
  const headers = mode === 'certificate' ? {} : { 'Wechatpay-Serial': keys.public_key_id };
  return new Wechatpay({
    mchid: keys.mchid, serial: keys.merchant_serial, privateKey: keys.merchant_private_key, certs, baseURL, headers,
  });
}

/** Verifies a notification with the package's own code, and decrypts it. */
function opened(message, mode) {
  const { headers, body } = message;
  const serial = headers['wechatpay-serial'];
  const known = { [keys.platform_serial]: keys.platform_certificate, [keys.public_key_id]: keys.public_key };
  assert.ok(known[serial], `${mode}: an unknown serial ${serial}`);
  const signed = Formatter.joinedByLineFeed(headers['wechatpay-timestamp'], headers['wechatpay-nonce'], body.toString());
  assert.ok(Rsa.verify(signed, headers['wechatpay-signature'], known[serial]), 'the notification does not verify');
  const { resource, event_type: event } = JSON.parse(body);
  const plain = Aes.AesGcm.decrypt(resource.ciphertext, keys.apiv3_key, resource.nonce, resource.associated_data);
  return { event, ...JSON.parse(plain) };
}

async function life(name, baseURL, mode) {
  const wxpay = client(baseURL, mode);
  const transactions = wxpay.v3.pay.transactions;
  const out_trade_no = orderNo('W');
  const created = await transactions.native.post({
    mchid: keys.mchid, appid: keys.appid, description: '一件商品', out_trade_no, notify_url: shop.url,
    amount: { total: 1234, currency: 'CNY' },
  });
  assert.match(created.data.code_url, /^weixin:\/\/wxpay\/bizpayurl/);
  step(`${name}: create`);

  const query = () => transactions.outTradeNo._out_trade_no_.get({ params: { mchid: keys.mchid }, out_trade_no });
  assert.equal((await query()).data.trade_state, 'NOTPAY');
  await control('POST', '/v1/wechatpay/payer/pay', { qr: created.data.code_url });
  const paid = (await query()).data;
  assert.equal(paid.trade_state, 'SUCCESS');
  assert.equal(paid.amount.total, 1234);
  step(`${name}: query`);

  const told = (wanted) => (message) => {
    try { const said = opened(message, mode); return wanted(said); } catch { return false; }
  };
  const news = opened(await shop.message(told((said) => said.out_trade_no === out_trade_no)), mode);
  assert.equal(news.event, 'TRANSACTION.SUCCESS');
  assert.equal(news.transaction_id, paid.transaction_id);
  step(`${name}: payment notification verified and decrypted`);

  const out_refund_no = orderNo('R');
  const refund = await wxpay.v3.refund.domestic.refunds.post({
    out_trade_no, out_refund_no, reason: '退一部分', notify_url: shop.url,
    amount: { refund: 234, total: 1234, currency: 'CNY' },
  });
  assert.ok(['PROCESSING', 'SUCCESS'].includes(refund.data.status), refund.data.status);
  step(`${name}: refund`);
  const refunded = opened(await shop.message(told((said) => said.out_refund_no === out_refund_no)), mode);
  assert.equal(refunded.event, 'REFUND.SUCCESS');
  assert.equal(refunded.amount.refund, 234);
  step(`${name}: refund notification verified and decrypted`);
  const asked = await wxpay.v3.refund.domestic.refunds._out_refund_no_.get({ out_refund_no });
  assert.equal(asked.data.status, 'SUCCESS');
  step(`${name}: refund query`);

  const unpaid = orderNo('C');
  await transactions.native.post({
    mchid: keys.mchid, appid: keys.appid, description: 'to be closed', out_trade_no: unpaid, notify_url: shop.url,
    amount: { total: 1, currency: 'CNY' },
  });
  const closed = await transactions.outTradeNo._out_trade_no_.close.post({ mchid: keys.mchid }, { out_trade_no: unpaid });
  assert.equal(closed.status, 204);
  const after = await transactions.outTradeNo._out_trade_no_.get({ params: { mchid: keys.mchid }, out_trade_no: unpaid });
  assert.equal(after.data.trade_state, 'CLOSED');
  step(`${name}: close`);
  return { wxpay, out_trade_no, out_refund_no };
}

async function bill(name, { wxpay, out_trade_no, out_refund_no }, bill_date) {
  const { data } = await wxpay.v3.bill.tradebill.get({ params: { bill_date, bill_type: 'ALL' } });
  assert.equal(data.hash_type, 'SHA1');
  const token = new URL(data.download_url).searchParams.get('token');
  const file = await wxpay.v3.billdownload.file.get({ params: { token }, responseType: 'arraybuffer' });
  const text = Buffer.from(file.data);
  assert.equal(createHash('sha1').update(text).digest('hex'), data.hash_value.toLowerCase());
  const lines = text.toString().split('\r\n');
  assert.ok(lines.some((line) => line.includes(`\`${out_trade_no},`) && line.includes('`12.34')), 'the payment is missing');
  assert.ok(lines.some((line) => line.includes(`\`${out_refund_no},`) && line.includes('`2.34')), 'the refund is missing');
  step(`${name}: bill download`);
}

const lives = [];
for (const scheme of ['http', 'https']) {
  for (const mode of ['certificate', 'public_key']) {
    const name = `${scheme} ${mode}`;
    lives.push([name, await life(name, rail[scheme], mode)]);
  }
}
const day = await nextDay();
for (const [name, one] of lives) await bill(name, one, day);
finish();
