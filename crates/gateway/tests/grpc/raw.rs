//! Calls by path with plain bytes, and messages built from the contract's own descriptors: what holds for every method is
//! tested over the list of methods, so that a new one cannot be forgotten.

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

/// A method of the contract.
pub struct Method {
    pub path: String,
    pub name: String,
    pub input: DescriptorProto,
}

/// Every method of the contract.
pub fn methods() -> Vec<Method> {
    let set = FileDescriptorSet::decode(paifang_proto::FILE_DESCRIPTOR_SET).unwrap();
    let files: Vec<_> = set.file.iter().filter(|file| file.package() == "paifang.v1").collect();
    let mut methods = Vec::new();
    for service in files.iter().flat_map(|file| &file.service) {
        for method in &service.method {
            methods.push(Method {
                path: format!("/paifang.v1.{}/{}", service.name(), method.name()),
                name: method.name().to_owned(),
                input: message(method.input_type()),
            });
        }
    }
    assert!(methods.len() >= 17, "{}", methods.len());
    methods
}

/// The descriptor of a message by its full name.
pub fn message(name: &str) -> DescriptorProto {
    let set = FileDescriptorSet::decode(paifang_proto::FILE_DESCRIPTOR_SET).unwrap();
    let name = name.rsplit('.').next().unwrap();
    let messages =
        set.file.iter().filter(|file| file.package() == "paifang.v1").flat_map(|f| &f.message_type);
    messages.into_iter().find(|message| message.name() == name).unwrap().clone()
}

/// Encodes a message: `text` gives the texts by field name (`None`: not set), and every message inside is filled alike.
/// Integers and enums are 1, maps and times stay empty.
pub fn fill(of: &DescriptorProto, text: &dyn Fn(&str) -> Option<String>) -> Vec<u8> {
    let mut out = Vec::new();
    for field in &of.field {
        let number = u32::try_from(field.number()).unwrap();
        match field.r#type() {
            Type::String => {
                if let Some(text) = text(field.name()) {
                    prost::encoding::string::encode(number, &text, &mut out);
                }
            }
            Type::Bool => prost::encoding::bool::encode(number, &true, &mut out),
            Type::Enum | Type::Int32 | Type::Int64 | Type::Uint32 => {
                prost::encoding::int64::encode(number, &1, &mut out)
            }
            Type::Message if field.type_name().starts_with(".paifang.v1.") && field.name() != "metadata" => {
                let inner = fill(&message(field.type_name()), text);
                prost::encoding::bytes::encode(number, &inner, &mut out);
            }
            Type::Message => {}
            other => panic!("{}: {other:?} is not filled yet", field.name()),
        }
    }
    out
}

/// Calls a path; answers the first message's bytes.
pub async fn call(
    channel: &Channel,
    path: &str,
    metadata: MetadataMap,
    body: Vec<u8>,
) -> Result<Bytes, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let mut request = Request::new(Bytes::from(body));
    *request.metadata_mut() = metadata;
    let path = path.parse().unwrap();
    let mut answers: Streaming<Bytes> =
        client.server_streaming(request, path, PlainBytes).await?.into_inner();
    Ok(answers.message().await?.unwrap_or_default())
}

/// Metadata with this `authorization`, once per text.
pub fn authorization(values: &[&str]) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    for value in values {
        metadata.append("authorization", value.parse().unwrap());
    }
    metadata
}

pub async fn channel(endpoint: &str) -> Channel {
    Channel::from_shared(endpoint.to_owned()).unwrap().connect().await.unwrap()
}

#[derive(Clone, Copy)]
struct PlainBytes;

impl Codec for PlainBytes {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for PlainBytes {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for PlainBytes {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
