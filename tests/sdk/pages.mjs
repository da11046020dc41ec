// The wallet page and the journal of requests in a real browser, on a phone's screen and on a desktop's: scan and pay,
// decline, show a payment code, and look at a refused request and why.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { control, finish, load, merchant, orderNo, step, world } from './common.mjs';

const { Wechatpay, Rsa } = load('wechatpay-axios-plugin');
const { AlipaySdk } = load('alipay-sdk');
const qrcode = load('qrcode');
const puppeteer = load('puppeteer-core');

/** The browser comes as a package; it is unpacked beside the packages, once. */
async function launch() {
  const folder = join(dirname(process.env.PAIFANG_NODE_MODULES), 'browser');
  mkdirSync(folder, { recursive: true });
  process.env.TMPDIR = folder;
  const known = (() => { try { return execFileSync('ldconfig', ['-p']).toString(); } catch { return ''; } })();
  if (!known.includes('libnss3.so')) {
    // A machine without the libraries that a desktop has: the package brings them, and this is how it is asked to.
    process.env.AWS_EXECUTION_ENV = `AWS_Lambda_nodejs${process.versions.node.split('.')[0]}.x`;
  }
  const chromium = load('@sparticuz/chromium').default;
  const executablePath = await chromium.executablePath();
  return puppeteer.launch({ executablePath, headless: 'shell', args: ['--no-sandbox', '--disable-gpu'] });
}

const shots = process.env.PAIFANG_SCREENSHOTS;
async function shot(page, name) {
  if (shots) await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}

const shop = await merchant(() => ({ status: 200, body: 'success' }));
const wx = world.wechatpay;
const wxpay = new Wechatpay({
  mchid: wx.keys.mchid, serial: wx.keys.merchant_serial, privateKey: wx.keys.merchant_private_key,
  certs: { [wx.keys.platform_serial]: wx.keys.platform_certificate }, baseURL: wx.http,
});
const alipay = new AlipaySdk({
  appId: world.alipay.keys.app_id, privateKey: world.alipay.keys.app_private_key, keyType: 'PKCS8',
  alipayPublicKey: world.alipay.keys.alipay_public_key, gateway: `${world.alipay.http}/gateway.do`, endpoint: world.alipay.http,
});

async function wechatOrder(description) {
  const out_trade_no = orderNo('P');
  const { data } = await wxpay.v3.pay.transactions.native.post({
    mchid: wx.keys.mchid, appid: wx.keys.appid, description, out_trade_no, notify_url: shop.url,
    amount: { total: 8888, currency: 'CNY' },
  });
  return { out_trade_no, code: data.code_url };
}

const state = async (out_trade_no) => (await wxpay.v3.pay.transactions.outTradeNo._out_trade_no_
  .get({ params: { mchid: wx.keys.mchid }, out_trade_no })).data.trade_state;

const at = (name) => `[data-testid="${name}"]`;
const text = (page, name) => page.$eval(at(name), (element) => element.textContent.trim());
async function click(page, selector) {
  await Promise.all([page.waitForNavigation(), page.click(selector)]);
}

const browser = await launch();
try {
  for (const [screen, viewport] of [
    ['phone', { width: 390, height: 844, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }],
    ['desktop', { width: 1280, height: 900 }],
  ]) {
    const page = await browser.newPage();
    await page.setViewport(viewport);
    const troubles = [];
    page.on('pageerror', (error) => troubles.push(String(error)));
    page.on('console', (message) => { if (message.type() === 'error') troubles.push(message.text()); });

    // Scanned as text, then paid.
    const first = await wechatOrder('<b>一杯茶</b>');
    await page.goto(`${world.control}/wallet/wechatpay`);
    await page.type(at('scan-code'), first.code);
    await click(page, at('scan'));
    const found = `.found${at('order')}[data-order="${first.out_trade_no}"]`;
    assert.equal(await page.$eval(`${found} ${at('amount')}`, (element) => element.textContent), '¥88.88');
    await shot(page, `${screen}-scanned`);
    await click(page, `${found} ${at('pay')}`);
    assert.equal(await text(page, 'message'), 'Paid.');
    assert.equal(await page.$eval(found, (element) => element.dataset.state), 'SUCCESS');
    assert.equal(await state(first.out_trade_no), 'SUCCESS');
    assert.equal((await page.$$(`${found} ${at('pay')}`)).length, 0, 'a paid order cannot be paid again');
    step(`${screen}: scanned as text and paid`);

    // Scanned as the picture that a phone's camera takes.
    const second = await wechatOrder('two cups');
    const picture = join(shots, `${screen}-code.png`);
    await qrcode.toFile(picture, second.code, { width: 420, margin: 6 });
    await page.goto(`${world.control}/wallet/wechatpay`);
    await (await page.$(at('scan-picture'))).uploadFile(picture);
    await click(page, at('scan'));
    await click(page, `.found${at('order')}[data-order="${second.out_trade_no}"] ${at('pay')}`);
    assert.equal(await state(second.out_trade_no), 'SUCCESS');
    step(`${screen}: scanned as a picture and paid`);

    // Declined: nothing is paid, and the order still waits.
    const outTradeNo = orderNo('D');
    const made = await alipay.exec('alipay.trade.precreate', { notifyUrl: shop.url,
      bizContent: { out_trade_no: outTradeNo, total_amount: '1.00', subject: 'declined' } });
    await page.goto(`${world.control}/wallet/alipay`);
    await page.type(at('scan-code'), made.qrCode);
    await click(page, at('scan'));
    await click(page, `.found${at('order')} ${at('decline')}`);
    assert.equal(await text(page, 'message'), 'Declined: nothing was paid.');
    const asked = await alipay.exec('alipay.trade.query', { bizContent: { out_trade_no: outTradeNo } });
    assert.equal(asked.tradeStatus, 'WAIT_BUYER_PAY');
    await shot(page, `${screen}-declined`);
    step(`${screen}: declined`);

    // What cannot be scanned says so; a payment code is shown as text and as a picture.
    await page.goto(`${world.control}/wallet/unionpay`);
    await page.type(at('scan-code'), 'https://elsewhere.example/');
    await click(page, at('scan'));
    assert.match(await text(page, 'message'), /no such order/);
    await page.goto(`${world.control}/wallet/unionpay`);
    await page.select(at('code-outcome'), 'pays');
    await click(page, at('code-new'));
    assert.match(await text(page, 'code'), /^\d{16,20}$/);
    assert.ok(await page.$eval('img.qr', (image) => image.complete && image.naturalWidth > 0), 'the picture shows');
    await shot(page, `${screen}-code`);
    step(`${screen}: a payment code`);

    // A request that is signed with another key is refused, and the journal shows the exact string.
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const body = JSON.stringify({ mchid: wx.keys.mchid });
    const target = `/v3/pay/transactions/out-trade-no/${first.out_trade_no}/close`;
    const [timestamp, nonce] = [String(Math.floor(Date.now() / 1000)), `N${screen}`];
    const signed = `POST\n${target}\n${timestamp}\n${nonce}\n${body}\n`;
    const signature = Rsa.sign(signed, stranger);
    const answer = await fetch(`${wx.http}${target}`, { method: 'POST', body, headers: {
      Accept: 'application/json', 'Content-Type': 'application/json',
      Authorization: `WECHATPAY2-SHA256-RSA2048 mchid="${wx.keys.mchid}",serial_no="${wx.keys.merchant_serial}",timestamp="${timestamp}",nonce_str="${nonce}",signature="${signature}"`,
    } });
    assert.equal(answer.status, 401);
    await page.goto(`${world.control}/journal/wechatpay`);
    await click(page, at('only-refused'));
    assert.equal(await page.$eval(at('request'), (row) => row.dataset.refused), 'true');
    await shot(page, `${screen}-journal`);
    await click(page, `${at('request')} ${at('details')}`);
    assert.match(await text(page, 'verdict'), /^Refused: 401 SIGN_ERROR$/);
    assert.equal(await page.$eval(at('expected'), (element) => element.textContent), signed);
    assert.ok((await text(page, 'request')).includes(signature), 'what was sent');
    assert.ok((await text(page, 'answer')).includes('签名错误'), 'what was answered');
    await shot(page, `${screen}-refused`);
    step(`${screen}: a refused request and why`);

    // Nothing is wider than the screen, nothing was blocked, no script failed.
    for (const path of ['/wallet/wechatpay', '/journal/wechatpay']) {
      await page.goto(`${world.control}${path}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${path} is ${wide} px wider than a ${screen}`);
    }
    // A refused form is answered with a status that the console notes; nothing else may stand there.
    assert.deepEqual(troubles.filter((trouble) => !/404 \(Not Found\)/.test(trouble)), []);
    step(`${screen}: fits the screen`);
    await page.close();
  }
} finally {
  await browser.close();
}
finish();
