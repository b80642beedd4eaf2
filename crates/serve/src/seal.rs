//! Snapshots leave the server; by the seal it knows its own again.

use data_encoding::BASE64URL_NOPAD;

/// A key that nobody else has.
#[derive(Clone)]
pub(crate) struct Seal([u8; 32]);

impl std::fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Seal")
    }
}

impl Seal {
    pub(crate) fn new(secret: &str) -> Self {
        Self(blake3::derive_key(
            "practicum 2026 seal of snapshots",
            secret.as_bytes(),
        ))
    }

    /// The content as text, sealed.
    pub(crate) fn close(&self, content: &[u8]) -> String {
        let mut bytes = blake3::keyed_hash(&self.0, content).as_bytes().to_vec();
        bytes.extend_from_slice(content);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// The content of such a text; None when the seal is broken.
    pub(crate) fn open(&self, text: &str) -> Option<Vec<u8>> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (seal, content) = bytes.split_at_checked(blake3::OUT_LEN)?;
        let seal = blake3::Hash::from_slice(seal).ok()?;
        // Hashes compare in constant time.
        (blake3::keyed_hash(&self.0, content) == seal).then(|| content.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_is_opened() {
        let seal = Seal::new("secret");
        let text = seal.close(b"content");
        assert_eq!(seal.open(&text).unwrap(), b"content");
        assert_eq!(Seal::new("other").open(&text), None);
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(bytes).unwrap();
            assert_ne!(
                seal.open(&damaged).as_deref(),
                Some(&b"content"[..]),
                "{at}"
            );
        }
        for text in ["", "A", "!", "AAAA"] {
            assert_eq!(seal.open(text), None);
        }
    }
}
