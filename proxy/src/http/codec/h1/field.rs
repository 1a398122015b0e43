//! Fields that are for one hop only. Source: RFC 9110 section 7.6.1.

use smallvec::SmallVec;

use super::parse::InvalidHead;
use crate::http::head::{FieldName, Fields, KnownName};

/// Options of `connection` that name other fields; a head with more is refused, since each is compared with every field.
const MOST_NAMED: usize = 32;

/// What `connection` says.
#[derive(Debug, Default)]
pub(super) struct Hops<'b> {
    /// `close`.
    pub(super) close: bool,
    /// `keep-alive`.
    pub(super) keep_alive: bool,
    /// `upgrade`.
    pub(super) upgrade: bool,
    /// Other fields that must not go further.
    named: SmallVec<[&'b [u8]; 2]>,
}

impl<'b> Hops<'b> {
    pub(super) fn connection(&mut self, value: &'b [u8]) -> Result<(), InvalidHead> {
        for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else if !option.is_empty() && !option.eq_ignore_ascii_case(b"te") {
                if self.named.len() == MOST_NAMED {
                    return Err(InvalidHead::Syntax);
                }
                self.named.push(option);
            }
        }
        Ok(())
    }

    /// Removes what `connection` names. `upgrade` stays when it asks for that: it is the upgrade's to decide.
    pub(super) fn strip_named(&self, fields: &mut Fields) {
        if !self.upgrade {
            fields.remove_known(KnownName::Upgrade);
        }
        if self.named.is_empty() {
            return;
        }
        fields.retain(|name, _| match name.known {
            // Neither framing nor what was decided already is the client's to take away.
            Some(KnownName::ContentLength | KnownName::Te | KnownName::Upgrade) => true,
            Some(_) | None => !self.names(&name),
        });
    }

    fn names(&self, name: &FieldName<'_>) -> bool {
        self.named
            .iter()
            .any(|named| name.as_bytes().eq_ignore_ascii_case(named))
    }
}

/// Whether a trailer field may go further: no framing, routing, authentication or hop-by-hop field
/// (RFC 9110 section 6.5.1).
pub(super) fn may_trail(name: &[u8]) -> bool {
    match KnownName::find(name) {
        Some(
            KnownName::Host
            | KnownName::ContentLength
            | KnownName::TransferEncoding
            | KnownName::Connection
            | KnownName::KeepAlive
            | KnownName::ProxyConnection
            | KnownName::Te
            | KnownName::Trailer
            | KnownName::Upgrade
            | KnownName::Authorization
            | KnownName::ContentEncoding
            | KnownName::ContentType
            | KnownName::SetCookie
            | KnownName::Cookie,
        ) => false,
        Some(_) | None => true,
    }
}
