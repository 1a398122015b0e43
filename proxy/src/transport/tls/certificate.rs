//! Reading the few fields of an X.509 certificate that a proxy acts on (RFC 5280 section 4.1): subject, validity, public key
//! and alternative names. Chains and signatures are the verifier's business.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

mod der;
mod subject;
mod time;

use der::{Der, Tag};

/// Bytes that are not an X.509 certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate: {0}")]
pub struct NotACertificate(pub(crate) &'static str);

/// Alternative names by kind (RFC 5280 section 4.2.1.6).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) uris: Vec<Box<str>>,
    pub(crate) dns: Vec<Box<str>>,
    pub(crate) emails: Vec<Box<str>>,
    pub(crate) ips: Vec<IpAddr>,
}

impl Names {
    /// The first URI name that is a SPIFFE identity.
    pub(crate) fn spiffe_id(&self) -> Option<&str> {
        let mut uris = self.uris.iter().map(AsRef::as_ref);
        uris.find(|uri: &&str| uri.starts_with("spiffe://"))
    }
}

/// The fields of one certificate, as slices of its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parsed<'a> {
    serial: &'a [u8],
    validity: &'a [u8],
    subject: &'a [u8],
    public_key: &'a [u8],
    extensions: &'a [u8],
}

/// `2.5.29.17`
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

impl<'a> Parsed<'a> {
    /// Finds the fields.
    pub(crate) fn from_der(der: &'a [u8]) -> Result<Self, NotACertificate> {
        let mut outer = Der::new(der);
        let mut certificate = Der::new(outer.expect(Tag::SEQUENCE, "certificate")?);
        let mut tbs = Der::new(certificate.expect(Tag::SEQUENCE, "body")?);
        tbs.optional(Tag::context(0, true))?;
        let serial = tbs.expect(Tag::INTEGER, "serial number")?;
        tbs.expect(Tag::SEQUENCE, "signature algorithm")?;
        tbs.expect(Tag::SEQUENCE, "issuer")?;
        let validity = tbs.expect(Tag::SEQUENCE, "validity")?;
        let subject = tbs.expect(Tag::SEQUENCE, "subject")?;
        let public_key = tbs.whole(Tag::SEQUENCE, "public key")?;
        tbs.optional(Tag::context(1, false))?;
        tbs.optional(Tag::context(2, false))?;
        let extensions = match tbs.optional(Tag::context(3, true))? {
            Some(wrapped) => Der::new(wrapped).expect(Tag::SEQUENCE, "extensions")?,
            None => &[],
        };
        Ok(Self {
            serial,
            validity,
            subject,
            public_key,
            extensions,
        })
    }

    /// The alternative names; none if the certificate has no such extension.
    pub(crate) fn names(&self) -> Result<Names, NotACertificate> {
        let mut extensions = Der::new(self.extensions);
        while !extensions.is_empty() {
            let mut extension = Der::new(extensions.expect(Tag::SEQUENCE, "extension")?);
            let id = extension.expect(Tag::OBJECT_ID, "extension id")?;
            extension.optional(Tag::BOOLEAN)?;
            let value = extension.expect(Tag::OCTET_STRING, "extension value")?;
            if id == SUBJECT_ALT_NAME {
                return general_names(value);
            }
        }
        Ok(Names::default())
    }

    /// The subject in RFC 2253 form.
    pub(crate) fn subject(&self) -> String {
        subject::to_text(self.subject).unwrap_or_default()
    }

    /// From when and until when the certificate is valid.
    pub(crate) fn validity(&self) -> Result<(SystemTime, SystemTime), NotACertificate> {
        let mut validity = Der::new(self.validity);
        let (tag, text) = validity.any("begin of validity")?;
        let not_before = time::parse(tag, text)?;
        let (tag, text) = validity.any("end of validity")?;
        Ok((not_before, time::parse(tag, text)?))
    }

    /// The serial number in lower-case hexadecimal.
    pub(crate) fn serial(&self) -> String {
        self.serial
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// `SubjectPublicKeyInfo` with its header, as `verify_certificate_spki` hashes it.
    pub(crate) fn public_key_info(&self) -> &'a [u8] {
        self.public_key
    }
}

/// Seconds since 1970 as a point in time.
fn from_unix(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn general_names(value: &[u8]) -> Result<Names, NotACertificate> {
    let mut list = Der::new(Der::new(value).expect(Tag::SEQUENCE, "alternative names")?);
    let mut names = Names::default();
    while !list.is_empty() {
        let (tag, value) = list.any("alternative name")?;
        match tag {
            tag if tag == Tag::context(1, false) => names.emails.push(text(value)?),
            tag if tag == Tag::context(2, false) => names.dns.push(text(value)?),
            tag if tag == Tag::context(6, false) => names.uris.push(text(value)?),
            tag if tag == Tag::context(7, false) => names.ips.push(address(value)?),
            // Other kinds (directory names, registered ids …) name nothing that is matched here.
            _ => {}
        }
    }
    Ok(names)
}

fn text(value: &[u8]) -> Result<Box<str>, NotACertificate> {
    if value.is_ascii() && !value.contains(&0) {
        Ok(value.iter().map(|byte| char::from(*byte)).collect())
    } else {
        Err(NotACertificate("a name that is not ASCII text"))
    }
}

fn address(value: &[u8]) -> Result<IpAddr, NotACertificate> {
    if let Ok(v4) = <[u8; 4]>::try_from(value) {
        return Ok(Ipv4Addr::from(v4).into());
    }
    <[u8; 16]>::try_from(value)
        .map(|v6| Ipv6Addr::from(v6).into())
        .map_err(|_| NotACertificate("an IP address of unknown length"))
}
