//! Which fields have to have a mark: those of every request of the contract, those of its event, and those of every message
//! that one of these holds.

use std::collections::BTreeSet;

use protox::prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use crate::{CONTRACT, EVENT, TYPED_IN};

/// All such fields.
pub(crate) fn all(pool: &DescriptorPool) -> Vec<FieldDescriptor> {
    let requests = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let requests = requests.map(|method| method.input());
    let roots = requests.chain(pool.get_message_by_name(EVENT)).collect();
    let typed_in = pool.get_message_by_name(TYPED_IN);
    messages(roots).iter().chain(&typed_in).flat_map(|message| message.fields().collect::<Vec<_>>()).collect()
}

/// The messages that these hold, themselves included, each once. Only those of the contract: a timestamp has no parts that
/// somebody could see by themselves.
pub(crate) fn messages(roots: Vec<MessageDescriptor>) -> Vec<MessageDescriptor> {
    let mut seen = BTreeSet::new();
    let (mut found, mut open) = (Vec::new(), roots);
    while let Some(message) = open.pop() {
        if message.package_name() != CONTRACT || !seen.insert(message.full_name().to_owned()) {
            continue;
        }
        open.extend(message.fields().filter_map(|field| held(&field)));
        found.push(message);
    }
    found.sort_by(|a, b| a.full_name().cmp(b.full_name()));
    found
}

/// The message of the contract that a field holds, if it is one; in a map, that of its values.
pub(crate) fn held(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    let Kind::Message(message) = field.kind() else { return None };
    let message = if message.is_map_entry() {
        let Kind::Message(value) = message.map_entry_value_field().kind() else { return None };
        value
    } else {
        message
    };
    (message.package_name() == CONTRACT).then_some(message)
}
