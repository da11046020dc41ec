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

/// The contract's own description of an event.
static EVENT: LazyLock<MessageDescriptor> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the build wrote a set that can be read");
    pool.get_message_by_name("paifang.v1.Event").expect("the contract has events")
});

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
