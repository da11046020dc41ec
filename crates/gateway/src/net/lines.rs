//! Events as lines of JSON: what a subscriber keeps, in any language, in protobuf's own JSON form.

use std::sync::LazyLock;

use paifang_proto::{FILE_DESCRIPTOR_SET, v1};
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor};

/// Why a line is no event.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is no JSON of an event.
    #[error("it is no event in protobuf's JSON form")]
    Json(#[from] serde_json::Error),
    /// A field has another form than this release's.
    #[error("it is an event of another form")]
    Form(#[from] prost::DecodeError),
}

/// The contract's own description of itself.
static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the build wrote a set that can be read")
});

static EVENT: LazyLock<MessageDescriptor> =
    LazyLock::new(|| POOL.get_message_by_name("paifang.v1.Event").expect("the contract has events"));

/// The event of a line. Fields that a later release tells besides are passed over.
///
/// # Errors
/// A line that is no event.
pub fn read_line(line: &str) -> Result<v1::Event, LineError> {
    let mut from = serde_json::Deserializer::from_str(line);
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let read = DynamicMessage::deserialize_with_options(EVENT.clone(), &mut from, &options)?;
    from.end()?;
    Ok(read.transcode_to()?)
}

/// An event as a line, without its end.
///
/// # Errors
/// An event that has no such form, such as one of a time that there is not.
pub fn write_line(event: &v1::Event) -> Result<String, LineError> {
    let mut read = DynamicMessage::new(EVENT.clone());
    read.transcode_from(event)?;
    Ok(serde_json::to_string(&read)?)
}

/// Another message of the contract in the same form, by its full name.
///
/// # Errors
/// A name that the contract does not have; a message that has no such form.
pub fn to_json(name: &str, message: &impl prost::Message) -> Result<serde_json::Value, LineError> {
    let kind = POOL.get_message_by_name(name);
    let kind = kind.ok_or_else(|| serde::de::Error::custom("no message of the contract"));
    let mut read = DynamicMessage::new(kind.map_err(LineError::Json)?);
    read.transcode_from(message)?;
    Ok(serde_json::to_value(&read)?)
}
