"""A small UnionPay ACP 5.1.0 client, written from the published wire facts alone, against the UnionPay mock.

It shares no line with the gateway: other language, other cryptography (the package of that name). It signs with the
merchant's key, checks chain, validity and owner of the certificate inside each answer and notification, and walks the
life of a payment: both QR directions, app tn, pre-authorisation, query, refund, its query, undo, and the day's file.
"""

import base64
import datetime
import hashlib
import http.server
import io
import json
import os
import ssl
import threading
import time
import urllib.parse
import urllib.request
import zipfile
import zlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

WORLD = json.loads(os.environ["PAIFANG_SDK_WORLD"])
RAIL = WORLD["unionpay"]
KEYS = RAIL["keys"]
OWNER = "中国银联股份有限公司"
BEIJING = datetime.timezone(datetime.timedelta(hours=8))

steps = 0


def step(text):
    global steps
    steps += 1
    print("ok", text, flush=True)


def text_to_sign(fields):
    """All fields but the signature, sorted by name, raw values."""
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "signature")


def digest(fields):
    return hashlib.sha256(text_to_sign(fields).encode()).hexdigest().encode()


class Merchant:
    def __init__(self):
        self.key = serialization.load_pem_private_key(KEYS["merchant_private_key"].encode(), None)
        self.certificate = x509.load_pem_x509_certificate(KEYS["merchant_certificate"].encode())
        self.root = x509.load_pem_x509_certificate(KEYS["root_certificate"].encode())
        self.middle = x509.load_pem_x509_certificate(KEYS["middle_certificate"].encode())

    def sign(self, fields):
        fields = {name: value.strip() for name, value in fields.items() if value.strip()}
        fields["certId"] = str(self.certificate.serial_number)
        signature = self.key.sign(digest(fields), padding.PKCS1v15(), hashes.SHA256())
        return fields | {"signature": base64.b64encode(signature).decode()}

    def verify(self, fields):
        """Raises unless the message comes from UnionPay."""
        leaf = x509.load_pem_x509_certificate(fields["signPubKeyCert"].encode())
        now = datetime.datetime.now(datetime.timezone.utc)
        for child, issuer in ((leaf, self.middle), (self.middle, self.root)):
            child.verify_directly_issued_by(issuer)
            assert child.not_valid_before_utc <= now <= child.not_valid_after_utc, "a certificate is not valid now"
        name = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
        assert name.split("@")[2] == OWNER, f"signed by {name}"
        signature = base64.b64decode(fields["signature"], validate=True)
        leaf.public_key().verify(signature, digest(fields), padding.PKCS1v15(), hashes.SHA256())


def parse_answer(text):
    """The answer's own syntax: nothing is percent-encoded, and an opened brace or bracket hides `&` until it closes."""
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    fields, position = {}, 0
    while position < len(text):
        equals = text.index("=", position)
        name, end, closing = text[position:equals], equals + 1, None
        assert name, "an empty name"
        while end < len(text):
            character = text[end]
            if closing:
                closing = None if character == closing else closing
            elif character in "{[":
                closing = "}" if character == "{" else "]"
            elif character == "&":
                break
            end += 1
        assert name not in fields, f"{name} stands there twice"
        fields[name] = text[equals + 1:end]
        position = end + 1
    return fields


class Endpoint:
    """Where UnionPay sends its notifications."""

    def __init__(self):
        self.messages, self.news = [], threading.Condition()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                with endpoint.news:
                    endpoint.messages.append(dict(urllib.parse.parse_qsl(body, keep_blank_values=True)))
                    endpoint.news.notify_all()
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}/back"

    def message(self, order):
        deadline = time.monotonic() + 10
        with self.news:
            while True:
                for message in self.messages:
                    if message.get("orderId") == order:
                        return message
                left = deadline - time.monotonic()
                assert left > 0, f"no notification of {order}"
                self.news.wait(left)


MERCHANT, ENDPOINT = Merchant(), Endpoint()
orders = 0


def order_id():
    global orders
    orders += 1
    return f"U{os.getpid()}{int(time.time())}{orders:04d}"


def control(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(WORLD["control"] + path, data, method=method)) as answer:
        return json.load(answer)


def rails_now():
    now = datetime.datetime.fromisoformat(control("GET", "/v1/clock")["now"].replace("Z", "+00:00"))
    return now.astimezone(BEIJING)


def common(**more):
    fields = {
        "version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "accessType": "0", "bizType": "000201",
        "channelType": "07", "merId": KEYS["merchant_id"], "txnTime": rails_now().strftime("%Y%m%d%H%M%S"),
    }
    return fields | more


def post(base, path, fields):
    body = urllib.parse.urlencode(MERCHANT.sign(fields)).encode()
    context = ssl.create_default_context(cadata=WORLD["ca"]) if base.startswith("https") else None
    headers = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
    with urllib.request.urlopen(urllib.request.Request(base + path, body, headers), context=context) as answer:
        assert answer.status == 200
        assert "x-www-form-urlencoded" not in answer.headers["Content-Type"]
        assert answer.headers["Content-Length"], "some clients read a body only by its length"
        fields = parse_answer(answer.read().decode())
    MERCHANT.verify(fields)
    return fields


def checked(answer, sent):
    assert answer["respCode"] == "00", f'{answer["respCode"]} {answer["respMsg"]}'
    for name in ("merId", "orderId", "txnTime"):
        assert answer[name] == sent[name], name
    return answer


def query(base, sent):
    asked = common(txnType="00", txnSubType="00", orderId=sent["orderId"], txnTime=sent["txnTime"])
    asked.pop("channelType")
    return post(base, "/gateway/api/queryTrans.do", asked)


def notified(sent):
    message = ENDPOINT.message(sent["orderId"])
    MERCHANT.verify(message)
    assert message["respCode"] in ("00", "A6")
    assert message["txnAmt"] == sent["txnAmt"] and message["merId"] == sent["merId"]
    return message


def order(**more):
    fields = common(orderId=order_id(), currencyCode="156", backUrl=ENDPOINT.url)
    return fields | more


def paid(base, sent):
    found = checked(query(base, sent), sent)
    assert found["origRespCode"] == "00" and found["txnAmt"] == sent["txnAmt"], found
    return found["queryId"]


def returned(base, name, kind, original, amount):
    back = order(txnType=kind, txnSubType="00", txnAmt=amount, origQryId=original)
    checked(post(base, "/gateway/api/backTransReq.do", back), back)
    step(f"{name}")
    notified(back)
    step(f"{name} notification verified")
    paid(base, back)
    step(f"{name} query")
    return back


def life(scheme, base):
    shown = order(txnType="01", txnSubType="07", bizType="000000", channelType="08", txnAmt="1234")
    made = checked(post(base, "/gateway/api/backTransReq.do", shown), shown)
    assert made["qrCode"].startswith("https://qr.95516.com/")
    step(f"{scheme}: create")
    control("POST", "/v1/unionpay/payer/pay", {"qr": made["qrCode"]})
    news, handle = notified(shown), paid(base, shown)
    assert news["queryId"] == handle
    step(f"{scheme}: payment notification verified")
    step(f"{scheme}: query")
    returned(base, f"{scheme}: refund", "04", handle, "234")

    app = order(txnType="01", txnSubType="01", channelType="08", txnAmt="500")
    tn = checked(post(base, "/gateway/api/appTransReq.do", app), app)["tn"]
    control("POST", "/v1/unionpay/payer/pay", {"prepay_id": tn})
    undone = paid(base, app)
    step(f"{scheme}: app payment")
    returned(base, f"{scheme}: undo", "31", undone, "500")

    code = control("POST", "/v1/unionpay/payer/code", {"outcome": "pays"})["code"]
    scanned = order(
        txnType="01", txnSubType="06", bizType="000000", channelType="08", txnAmt="77", qrNo=code, termId="49000002",
    )
    checked(post(base, "/gateway/api/backTransReq.do", scanned), scanned)
    notified(scanned)
    paid(base, scanned)
    step(f"{scheme}: payer's code")

    hold = order(txnType="02", txnSubType="01", channelType="08", txnAmt="1000")
    tn = checked(post(base, "/gateway/api/appTransReq.do", hold), hold)["tn"]
    control("POST", "/v1/unionpay/payer/pay", {"prepay_id": tn})
    held = paid(base, hold)
    taken = returned(base, f"{scheme}: completion", "03", held, "600")
    return shown["orderId"], taken["orderId"]


def file_of(base, name, day, known):
    asked = common(txnType="76", txnSubType="01", bizType="000000", settleDate=day.strftime("%m%d"), fileType="00")
    asked.pop("channelType")
    answer = post(base, "/", asked)
    assert answer["respCode"] == "00", f'{answer["respCode"]} {answer["respMsg"]}'
    packed = zlib.decompress(base64.b64decode(answer["fileContent"], validate=True))
    lines = []
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        for entry in archive.namelist():
            if entry[:3] == "INN" and entry[11:14] == "ZM_":
                lines = archive.read(entry).split(b"\r\n")[:-1]
    assert lines, "the file has no transactions"
    for line in lines:
        assert len(line) == 607, f"a line of {len(line)} bytes"
    found = {line[112:144].decode().strip(): int(line[66:78]) for line in lines}
    for number, amount in known.items():
        assert found.get(number) == amount, f"{number}: {found.get(number)} instead of {amount}"
    step(f"{name}: file")


def main():
    known = {}
    for scheme in ("http", "https"):
        shown, taken = life(scheme, RAIL[scheme])
        known |= {shown: 1234, taken: 600}
    day = rails_now()
    settled = day + datetime.timedelta(days=1) if day.hour >= 23 else day
    noon = (settled + datetime.timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    control("POST", "/v1/clock", {"set": noon.isoformat()})
    for scheme in ("http", "https"):
        file_of(RAIL[scheme], scheme, settled, known)
    print("done", steps)


main()
