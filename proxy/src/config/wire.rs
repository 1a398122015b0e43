//! Reading the small protobuf messages that all resources share.

mod metadata;

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use prost::{Message, Name};
use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::envoy::config::core::v3::address::Address as AddressKind;
use xds_proto::pb::envoy::config::core::v3::data_source::Specifier;
use xds_proto::pb::envoy::config::core::v3::socket_address::PortSpecifier;
use xds_proto::pb::envoy::r#type::v3::fractional_percent::DenominatorType;
use xds_proto::pb::envoy::r#type::v3::{FractionalPercent, Percent};
use xds_proto::pb::google::protobuf as gp;

use super::invalid::InvalidField;
use super::not_honoured::NotHonouredFields;
use crate::http::route::Fraction;
use crate::http::route::Routes;
use crate::secret::Secrets;
use crate::transport::{Address, Keepalive};

pub(crate) use self::metadata::{labels, origin, struct_labels, text};

/// What conversion of a resource needs beside the message, and what it finds.
#[derive(Debug)]
pub struct Conversion<'a> {
    /// Where TLS contexts find their secrets.
    pub secrets: &'a Secrets,
    /// Where connection managers find the cells of their route tables.
    pub routes: &'a Routes,
    /// Fields without effect.
    pub notes: NotHonouredFields,
}

pub(crate) type Read<T> = Result<T, InvalidField>;

/// Puts a field's name before the path of an error.
pub(crate) fn at<E: Into<InvalidField>>(path: &str) -> impl FnOnce(E) -> InvalidField {
    move |error| error.into().within(path)
}

/// Turns any other error into one of this field.
pub(crate) fn bad<E: Display>(path: &str) -> impl FnOnce(E) -> InvalidField {
    move |error| InvalidField::new(path, error)
}

/// Reads a list, naming the element that is wrong.
pub(crate) fn each<T, U>(
    path: &str,
    list: Vec<T>,
    mut read: impl FnMut(T) -> Read<U>,
) -> Read<Vec<U>> {
    // not collected: that would leave what is read, and kept, in the larger room of what it was read from
    let mut all = Vec::with_capacity(list.len());
    for (index, item) in list.into_iter().enumerate() {
        all.push(read(item).map_err(|error| error.within(format_args!("{path}[{index}]")))?);
    }
    Ok(all)
}

pub(crate) fn required<T>(path: &str, value: Option<T>) -> Read<T> {
    value.ok_or_else(|| InvalidField::new(path, "is required"))
}

pub(crate) fn nonempty(path: &str, value: String) -> Read<String> {
    if value.is_empty() {
        return Err(InvalidField::new(path, "must not be empty"));
    }
    Ok(value)
}

pub(crate) fn refuse_if(condition: bool, path: &str, reason: &str) -> Read<()> {
    if condition {
        return Err(InvalidField::new(path, reason));
    }
    Ok(())
}

/// Refuses a field that somebody set.
pub(crate) fn refuse_set<T: Default + PartialEq>(path: &str, value: &T, reason: &str) -> Read<()> {
    refuse_if(*value != T::default(), path, reason)
}

/// Refuses those fields of a message that somebody set: `refused!({ field => "why", })`, where each `field` is a variable
/// with the value of the field of that name.
macro_rules! refused {
    ({ $($field:ident => $reason:literal,)+ }) => {
        $($crate::config::wire::refuse_set(stringify!($field), &$field, $reason)?;)+
    };
}
pub(crate) use refused;

pub(crate) fn known<E: TryFrom<i32>>(path: &str, value: i32) -> Read<E> {
    E::try_from(value)
        .map_err(|_| InvalidField::new(path, format_args!("{value} is no known value")))
}

pub(crate) fn duration(path: &str, value: Option<gp::Duration>) -> Read<Option<Duration>> {
    let Some(gp::Duration { seconds, nanos }) = value else {
        return Ok(None);
    };
    let parts = u64::try_from(seconds).ok().zip(u32::try_from(nanos).ok());
    let (seconds, nanos) = parts
        .filter(|(_, nanos)| *nanos < 1_000_000_000)
        .ok_or_else(|| InvalidField::new(path, "is not a duration of zero or more"))?;
    Ok(Some(Duration::new(seconds, nanos)))
}

pub(crate) fn positive(
    path: &str,
    value: Option<gp::Duration>,
    default: Duration,
) -> Read<Duration> {
    let value = duration(path, value)?.unwrap_or(default);
    refuse_if(value.is_zero(), path, "must be above zero")?;
    Ok(value)
}

/// A time limit where zero, as Envoy has it, means none.
pub(crate) fn limit(
    path: &str,
    value: Option<gp::Duration>,
    default: Option<Duration>,
) -> Read<Option<Duration>> {
    Ok(duration(path, value)?
        .or(default)
        .filter(|limit| !limit.is_zero()))
}

pub(crate) fn uint(value: Option<gp::UInt32Value>) -> Option<u32> {
    value.map(|value| value.value)
}

pub(crate) fn flag(value: Option<gp::BoolValue>) -> Option<bool> {
    value.map(|value| value.value)
}

pub(crate) fn percent(path: &str, value: Option<u32>, default: u8) -> Read<u8> {
    let Some(value) = value else {
        return Ok(default);
    };
    let percent = u8::try_from(value).ok().filter(|percent| *percent <= 100);
    percent.ok_or_else(|| InvalidField::new(path, "must be 0 to 100"))
}

pub(crate) fn float_percent(path: &str, Percent { value }: Percent) -> Read<f64> {
    refuse_if(!(0.0..=100.0).contains(&value), path, "must be 0 to 100")?;
    Ok(value)
}

pub(crate) fn fraction(path: &str, value: FractionalPercent) -> Read<Fraction> {
    let FractionalPercent {
        numerator,
        denominator,
    } = value;
    let denominator = match known::<DenominatorType>(path, denominator)? {
        DenominatorType::Hundred => 100,
        DenominatorType::TenThousand => 10_000,
        DenominatorType::Million => 1_000_000,
    };
    Ok(Fraction {
        numerator,
        denominator,
    })
}

/// The default of a fraction with a runtime key. A key matters beside a runtime only, and the bootstrap's
/// `layered_runtime` is named as not honoured.
pub(crate) fn runtime_fraction(
    path: &str,
    value: core::RuntimeFractionalPercent,
) -> Read<Fraction> {
    let core::RuntimeFractionalPercent {
        default_value,
        runtime_key: _, // see above
    } = value;
    fraction(path, required(path, default_value)?)
}

/// Decodes an `Any` of a known type.
pub(crate) fn unpack<M: Message + Name + Default>(any: &gp::Any) -> Read<M> {
    refuse_if(
        any.type_url.rsplit('/').next() != Some(M::full_name().as_str()),
        "type_url",
        &format!("{} is not {}", any.type_url, M::full_name()),
    )?;
    M::decode(&*any.value).map_err(bad("value"))
}

/// The message's name in a type URL.
pub(crate) fn type_name(any: &gp::Any) -> &str {
    any.type_url.rsplit('/').next().unwrap_or_default()
}

pub(crate) fn address(path: &str, value: Option<core::Address>) -> Read<Address> {
    let core::Address { address } = required(path, value)?;
    match required(path, address)? {
        AddressKind::SocketAddress(socket) => {
            let (host, port) = host_and_port(path, socket)?;
            let ip: IpAddr = host.parse().map_err(|_| {
                InvalidField::new(
                    path,
                    format_args!("{host:?} is no IP address; names need a DNS cluster"),
                )
            })?;
            Ok(Address::Ip(SocketAddr::new(ip, port)))
        }
        AddressKind::Pipe(core::Pipe {
            path: file,
            mode: _, // of the file that a listener makes; only upstreams are reached so
        }) => Ok(Address::Unix(Arc::from(Path::new(&nonempty(path, file)?)))),
        AddressKind::EnvoyInternalAddress(_) => Err(InvalidField::new(
            path,
            "internal listeners are not supported; use a socket address",
        )),
    }
}

/// Host and port of a socket address; the host may be a name.
pub(crate) fn host_and_port(path: &str, value: core::SocketAddress) -> Read<(String, u16)> {
    let core::SocketAddress {
        protocol,
        address,
        resolver_name,
        ipv4_compat: _, // of listeners, which look at it themselves
        network_namespace_filepath,
        port_specifier,
    } = value;
    refuse_if(
        protocol != 0,
        path,
        "only TCP is supported; UDP listeners and endpoints are not",
    )?;
    refuse_set(path, &resolver_name, "custom resolvers are not supported")?;
    refuse_set(
        path,
        &network_namespace_filepath,
        "network namespaces of sockets are not supported",
    )?;
    let port = match required(path, port_specifier)? {
        PortSpecifier::PortValue(port) => port,
        PortSpecifier::NamedPort(_) => {
            return Err(InvalidField::new(path, "named ports are not supported"));
        }
    };
    let port = u16::try_from(port)
        .map_err(|_| InvalidField::new(path, "the port must be at most 65535"))?;
    Ok((nonempty(path, address)?, port))
}

pub(crate) fn cidr(value: core::CidrRange) -> Read<IpNet> {
    let core::CidrRange {
        address_prefix,
        prefix_len,
    } = value;
    let ip: IpAddr = address_prefix.parse().map_err(bad("address_prefix"))?;
    let len = uint(prefix_len).unwrap_or(0);
    let len = u8::try_from(len).map_err(bad("prefix_len"))?;
    Ok(IpNet::new(ip, len).map_err(bad("prefix_len"))?.trunc())
}

pub(crate) fn keepalive(value: core::TcpKeepalive) -> Keepalive {
    let core::TcpKeepalive {
        keepalive_probes,
        keepalive_time,
        keepalive_interval,
    } = value;
    let seconds = |value| uint(value).map(|seconds| Duration::from_secs(seconds.into()));
    Keepalive {
        time: seconds(keepalive_time),
        interval: seconds(keepalive_interval),
        probes: uint(keepalive_probes),
    }
}

/// The bytes of a data source that nobody follows.
pub(crate) fn data_once(
    cx: &mut Conversion<'_>,
    path: &str,
    value: core::DataSource,
) -> Read<Vec<u8>> {
    cx.notes.note(
        &format!("{path}.watched_directory"),
        &value.watched_directory,
        "the file is read when the resource comes",
    );
    data(path, value)
}

/// The bytes of a data source, read now.
pub(crate) fn data(path: &str, value: core::DataSource) -> Read<Vec<u8>> {
    let core::DataSource {
        watched_directory: _, // who follows the file sees a change whichever way it is made
        specifier,
    } = value;
    match required(path, specifier)? {
        Specifier::Filename(file) => std::fs::read(&file)
            .map_err(|error| InvalidField::new(path, format_args!("{file}: {error}"))),
        Specifier::InlineBytes(bytes) => Ok(bytes),
        Specifier::InlineString(text) => Ok(text.into_bytes()),
        Specifier::EnvironmentVariable(name) => std::env::var(&name)
            .map(String::into_bytes)
            .map_err(|error| {
                InvalidField::new(path, format_args!("environment variable {name}: {error}"))
            }),
    }
}
