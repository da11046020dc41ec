"""A storefront in Python that knows nothing but the address: it learns the contract by reflection.

Checks health, creates, confirms, watches to success, refunds, and reads ErrorInfo from a failure.
Usage: python_client.py ADDRESS API_KEY CONTROL_URL   (run by `cargo xtask test`)
"""

import json
import sys
import threading
import urllib.request

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


class Gateway:
    """Calls any method of any service that reflection describes."""

    def __init__(self, channel, key):
        self.channel = channel
        self.metadata = (("authorization", f"Bearer {key}"),)
        self.pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))

    def call(self, service, method, stream=False, **fields):
        described = self.pool.FindServiceByName(f"paifang.v1.{service}").FindMethodByName(method)
        request = message_factory.GetMessageClass(described.input_type)
        answer = message_factory.GetMessageClass(described.output_type)
        kind = self.channel.unary_stream if stream else self.channel.unary_unary
        invoke = kind(
            f"/paifang.v1.{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        return invoke(request(**fields), metadata=self.metadata, timeout=30)


def pay(control, content):
    body = json.dumps({"qr": content}).encode()
    for act in ("scan", "pay"):
        request = urllib.request.Request(
            f"{control}/v1/wechatpay/payer/{act}", data=body, headers={"content-type": "application/json"}
        )
        urllib.request.urlopen(request).read()


def main(address, key, control):
    channel = grpc.insecure_channel(address)
    health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert health.status == health_pb2.HealthCheckResponse.SERVING, health

    gateway = Gateway(channel, key)
    money = {"currency_code": "CNY", "minor_units": 8888}
    intent = gateway.call(
        "PaymentIntentService", "CreatePaymentIntent", request_id="py-create", amount=money, description="tea"
    ).payment_intent
    # 1 is QR_SHOWN, 6 is POINT_OF_SALE: enums are numbers on the wire.
    choice = {"wallet": "wechatpay", "presentation": 1, "client_context": {"kind": 6}}
    intent = gateway.call(
        "PaymentIntentService",
        "ConfirmPaymentIntent",
        request_id="py-confirm",
        payment_intent_id=intent.payment_intent_id,
        choice=choice,
    ).payment_intent
    content = intent.next_action.show_qr_code.content
    assert content.startswith("weixin://"), content

    threading.Timer(0.5, pay, (control, content)).start()
    states = [
        seen.payment_intent.state
        for seen in gateway.call(
            "PaymentIntentService", "WatchPaymentIntent", stream=True, payment_intent_id=intent.payment_intent_id
        )
    ]
    assert states[-1] == 4, states  # SUCCEEDED

    refund = gateway.call(
        "RefundService",
        "CreateRefund",
        request_id="py-refund",
        payment_intent_id=intent.payment_intent_id,
        amount={"currency_code": "CNY", "minor_units": 1888},
    ).refund
    assert refund.state in (2, 4), refund  # PROCESSING or SUCCEEDED

    try:
        gateway.call(
            "RefundService",
            "CreateRefund",
            request_id="py-too-much",
            payment_intent_id=intent.payment_intent_id,
            amount={"currency_code": "CNY", "minor_units": 8888},
        )
        raise AssertionError("more went back than came in")
    except grpc.RpcError as error:
        rich = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
        infos = [error_details_pb2.ErrorInfo() for _ in rich.details]
        found = [info for info, detail in zip(infos, rich.details) if detail.Unpack(info)]
        assert [info.reason for info in found] == ["REFUND_EXCEEDS_CAPTURE"], rich
    print(f"{intent.payment_intent_id}: watched to success, refunded, and refused more: {found[0].reason}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
