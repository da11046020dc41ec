import sys

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

address, key = sys.argv[1:3]
channel = grpc.insecure_channel(address)
pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))


def call(method, stream=False, **fields):
    """The contract is learned by reflection: no generated code is needed."""
    described = pool.FindServiceByName("paifang.v1.PaymentIntentService").FindMethodByName(method)
    request = message_factory.GetMessageClass(described.input_type)
    answer = message_factory.GetMessageClass(described.output_type)
    kind = channel.unary_stream if stream else channel.unary_unary
    invoke = kind(
        f"/paifang.v1.PaymentIntentService/{method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=answer.FromString,
    )
    return invoke(request(**fields), metadata=(("authorization", f"Bearer {key}"),), timeout=120)


made = call(
    "CreatePaymentIntent",
    request_id="first-python-order",  # the same id again is the same intent, never a second charge
    amount={"currency_code": "CNY", "minor_units": 8888},
    description="Two cups of tea",
    choice={"wallet": "wechatpay", "presentation": 1, "client_context": {"kind": 6}},  # QR_SHOWN, POINT_OF_SALE
)
intent = made.payment_intent
print("let the payer scan:", intent.next_action.show_qr_code.content, flush=True)
for seen in call("WatchPaymentIntent", stream=True, payment_intent_id=intent.payment_intent_id):
    print("state", seen.payment_intent.state, flush=True)  # 4 is SUCCEEDED
