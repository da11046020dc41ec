//! GBK as the rails write it. They are Java programs: a character that GBK lacks becomes `?`, and the euro sign is A2 E3.
//! The encoder of the web's standard differs in both (`&#…;` and the single byte 80), and Java reads that byte as no
//! character, so that a signature over it fails there.

use encoding_rs::GB18030;

/// The bytes of a text in GBK.
pub(crate) fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut one = [0; 4];
    for letter in text.chars() {
        // GB18030 keeps GBK's one and two bytes; what takes four of them is not in GBK.
        let (encoded, _, _) = GB18030.encode(letter.encode_utf8(&mut one));
        if encoded.len() > 2 { bytes.push(b'?') } else { bytes.extend_from_slice(&encoded) }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use encoding_rs::GBK;

    use super::*;

    /// The bytes are those of Java 17's GBK.
    #[test]
    fn bytes_are_those_of_java() {
        for (text, bytes) in [
            ("a€", &[0x61, 0xa2, 0xe3][..]),
            ("😀b", b"?b"),
            ("·—", &[0xa1, 0xa4, 0xa1, 0xaa]),
            ("支付", &[0xd6, 0xa7, 0xb8, 0xb6]),
        ] {
            assert_eq!(encode(text), bytes, "{text}");
        }
        assert_eq!(GBK.decode(&encode("€ 一件商品 · 镕")).0, "€ 一件商品 · 镕");
    }
}
