// The npm package alipay-sdk, unmodified, against the Alipay mock: key and certificate mode, v2 and v3, http and https.

import assert from 'node:assert/strict';
import { control, finish, load, merchant, nextDay, orderNo, step, world } from './common.mjs';

const { AlipaySdk } = load('alipay-sdk');
const rail = world.alipay;
const keys = rail.keys;

const shop = await merchant(() => ({ status: 200, body: 'success' }));

function client(base, mode) {
  const common = {
    appId: keys.app_id, privateKey: keys.app_private_key, keyType: 'PKCS8',
    gateway: `${base}/gateway.do`, endpoint: base, timeout: 10_000,
  };
  const material = mode === 'certificate'
    ? { appCertContent: keys.app_cert, alipayPublicCertContent: keys.alipay_cert, alipayRootCertContent: keys.alipay_root_cert }
    : { alipayPublicKey: keys.alipay_public_key };
  return new AlipaySdk({ ...common, ...material });
}

/** The one call in both protocols: members in, members out, signature verified by the package. */
function caller(sdk, protocol) {
  if (protocol === 'v2') {
    return async (method, members, notifyUrl) => {
      const answer = await sdk.exec(method, { bizContent: members, ...(notifyUrl ? { notifyUrl } : {}) }, { validateSign: true });
      assert.equal(answer.code, '10000', JSON.stringify(answer));
      return answer;
    };
  }
  return async (method, members, notifyUrl) => {
    const path = `/v3/${method.replaceAll('.', '/')}`;
    const body = { ...members, ...(notifyUrl ? { notify_url: notifyUrl } : {}) };
    const answer = await sdk.curl('POST', path, { body });
    assert.equal(answer.responseHttpStatus, 200);
    // v2 results come with camel-case names; v3 ones as they stand on the wire.
    return Object.fromEntries(Object.entries(answer.data).map(([name, value]) => [camel(name), value]));
  };
}

function camel(name) {
  return name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
}

/** Verifies a notice with the package's own code. */
function opened(sdk, message) {
  const fields = Object.fromEntries(new URLSearchParams(message.body.toString()));
  assert.ok(sdk.checkNotifySignV2({ ...fields }), 'the notice does not verify');
  return fields;
}

async function life(name, sdk, protocol) {
  const call = caller(sdk, protocol);
  const outTradeNo = orderNo('A');
  const created = await call('alipay.trade.precreate', { out_trade_no: outTradeNo, total_amount: '12.34', subject: '一件商品' }, shop.url);
  assert.match(created.qrCode, /^https:\/\/qr\.alipay\.com\//);
  step(`${name}: create`);

  await control('POST', '/v1/alipay/payer/pay', { qr: created.qrCode });
  const paid = await call('alipay.trade.query', { out_trade_no: outTradeNo });
  assert.equal(paid.tradeStatus, 'TRADE_SUCCESS');
  assert.equal(paid.totalAmount, '12.34');
  step(`${name}: query`);

  const told = (wanted) => (message) => { try { return wanted(opened(sdk, message)); } catch { return false; } };
  const notice = opened(sdk, await shop.message(told((said) => said.out_trade_no === outTradeNo)));
  assert.equal(notice.trade_status, 'TRADE_SUCCESS');
  assert.equal(notice.total_amount, '12.34');
  step(`${name}: payment notice verified`);

  const outRequestNo = orderNo('R');
  const refund = await call('alipay.trade.refund', { out_trade_no: outTradeNo, refund_amount: '2.34', out_request_no: outRequestNo });
  assert.equal(refund.fundChange, 'Y');
  assert.equal(refund.refundFee, '2.34');
  step(`${name}: refund`);
  const back = opened(sdk, await shop.message(told((said) => said.out_biz_no === outRequestNo)));
  assert.equal(back.refund_fee, '2.34');
  step(`${name}: refund notice verified`);
  const asked = await call('alipay.trade.fastpay.refund.query', { out_trade_no: outTradeNo, out_request_no: outRequestNo });
  assert.equal(asked.refundStatus, 'REFUND_SUCCESS');
  step(`${name}: refund query`);

  const unpaid = orderNo('C');
  const open = await call('alipay.trade.precreate', { out_trade_no: unpaid, total_amount: '0.01', subject: 'to be closed' }, shop.url);
  await control('POST', '/v1/alipay/payer/scan', { qr: open.qrCode });
  await call('alipay.trade.close', { out_trade_no: unpaid });
  const after = await call('alipay.trade.query', { out_trade_no: unpaid });
  assert.equal(after.tradeStatus, 'TRADE_CLOSED');
  step(`${name}: close`);
  return { sdk, protocol, outTradeNo, outRequestNo };
}

async function bill(name, { sdk, protocol }, day) {
  const members = { bill_type: 'trade', bill_date: day };
  let url;
  if (protocol === 'v2') {
    const answer = await sdk.exec('alipay.data.dataservice.bill.downloadurl.query', { bizContent: members }, { validateSign: true });
    assert.equal(answer.code, '10000', JSON.stringify(answer));
    url = answer.billDownloadUrl;
  } else {
    const answer = await sdk.curl('GET', '/v3/alipay/data/dataservice/bill/downloadurl/query', { query: members });
    url = answer.data.bill_download_url;
  }
  const response = await fetch(url);
  assert.equal(response.status, 200);
  const zip = Buffer.from(await response.arrayBuffer());
  assert.equal(zip.subarray(0, 2).toString(), 'PK');
  step(`${name}: bill download`);
}

const lives = [];
for (const scheme of ['http', 'https']) {
  for (const mode of ['key', 'certificate']) {
    for (const protocol of ['v2', 'v3']) {
      const name = `${scheme} ${mode} ${protocol}`;
      lives.push([name, await life(name, client(rail[scheme], mode), protocol)]);
    }
  }
}
const day = await nextDay();
for (const [name, one] of lives) await bill(name, one, day);
finish();
