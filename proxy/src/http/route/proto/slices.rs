//! A route table in slices: the bytes of each virtual host, and all the rest. A new version of a table takes over what was
//! made from equal bytes, so that one changed virtual host among ten thousand costs about that one.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost::{DecodeError, Message};
use xds_proto::pb::envoy::config::route::v3 as pb;

use super::{Table, virtual_host};
use crate::config::invalid::InvalidRoute;
use crate::config::wire::{Conversion, Read, bad};
use crate::http::route::table::HostIndex;
use crate::http::route::{RouteTable, VirtualHost};

/// Number of `RouteConfiguration.virtual_hosts`.
const VIRTUAL_HOSTS: u32 = 2;

/// Where the virtual hosts lie in an encoded table, and the encoding without them.
#[derive(Debug, Default)]
pub(crate) struct Slices {
    rest: Vec<u8>,
    hosts: Vec<Range<u32>>,
}

/// An encoded table that was cut, but not read yet.
#[derive(Debug)]
pub(crate) struct Sliced {
    raw: Bytes,
    slices: Slices,
    rest: pb::RouteConfiguration,
}

impl Sliced {
    /// Cuts an encoded `RouteConfiguration`.
    ///
    /// # Errors
    /// When the bytes are no such message.
    pub(crate) fn read(raw: Bytes) -> Result<Self, DecodeError> {
        let slices = Slices::of(&raw)?;
        Ok(Self {
            rest: pb::RouteConfiguration::decode(slices.rest.as_slice())?,
            slices,
            raw,
        })
    }

    /// The name of the table.
    pub(crate) fn name(&self) -> &str {
        &self.rest.name
    }
}

impl Slices {
    fn of(raw: &[u8]) -> Result<Self, DecodeError> {
        let mut slices = Self::default();
        let mut left = raw;
        while !left.is_empty() {
            let start = raw.len() - left.len();
            let (number, wire) = decode_key(&mut left)?;
            if (number, wire) == (VIRTUAL_HOSTS, WireType::LengthDelimited) {
                let length = decode_varint(&mut left)?;
                let from = raw.len() - left.len();
                let within = usize::try_from(length)
                    .ok()
                    .filter(|length| *length <= left.len());
                // more than is there: the decoder says so in its own words
                let Some(length) = within else {
                    pb::RouteConfiguration::decode(raw)?;
                    break;
                };
                left = &left[length..];
                slices.hosts.push(position(from)..position(from + length));
            } else {
                skip_field(wire, number, &mut left, DecodeContext::default())?;
                slices.rest.extend(&raw[start..raw.len() - left.len()]);
            }
        }
        Ok(slices)
    }

    fn host<'a>(&self, raw: &'a [u8], at: usize) -> &'a [u8] {
        let Range { start, end } = self.hosts[at];
        &raw[start as usize..end as usize]
    }
}

fn position(at: usize) -> u32 {
    u32::try_from(at).expect("a resource is far below 4 GiB")
}

impl RouteTable {
    /// A route table as it came over the wire. Virtual hosts of the version before it whose bytes did not change are
    /// taken over.
    ///
    /// # Errors
    /// When a field is wrong, or asks for something that must not be left out.
    pub(crate) fn from_slices(
        sliced: Sliced,
        before: Option<&RouteTable>,
        mut cx: Conversion<'_>,
    ) -> Result<Self, InvalidRoute> {
        let refused = InvalidRoute::of(sliced.name());
        let mut read = again(&mut cx, sliced, before).map_err(refused)?;
        read.not_honoured = cx.notes.into_distinct();
        Ok(read)
    }
}

fn again(cx: &mut Conversion<'_>, sliced: Sliced, before: Option<&RouteTable>) -> Read<RouteTable> {
    let Sliced { raw, slices, rest } = sliced;
    let before = before.filter(|before| before.slices.rest == slices.rest);
    let kept = Kept::of(before, &raw, &slices);
    let table = Table::read(cx, rest)?;
    let mut hosts = Vec::with_capacity(slices.hosts.len());
    for at in 0..slices.hosts.len() {
        let bytes = slices.host(&raw, at);
        hosts.push(match kept.host(at, bytes) {
            Some(host) => {
                cx.notes.extend(&host.not_honoured);
                Arc::clone(host)
            }
            None => {
                let path = format!("virtual_hosts[{at}]");
                let message = pb::VirtualHost::decode(bytes).map_err(bad(&path))?;
                let host = virtual_host(cx, message, &table.outer);
                Arc::new(host.map_err(|error| error.within(&path))?)
            }
        });
    }
    let index = match before.filter(|before| same_domains(&before.virtual_hosts, &hosts)) {
        Some(before) => Arc::clone(&before.index),
        None => Arc::new(HostIndex::new(&hosts).map_err(bad("virtual_hosts"))?),
    };
    Ok(RouteTable {
        slices,
        ..table.with(hosts, index, raw)
    })
}

fn same_domains(before: &[Arc<VirtualHost>], now: &[Arc<VirtualHost>]) -> bool {
    let same = |(a, b): (&Arc<VirtualHost>, &Arc<VirtualHost>)| {
        Arc::ptr_eq(a, b) || a.domains == b.domains
    };
    before.len() == now.len() && before.iter().zip(now).all(same)
}

/// What of an earlier version can be taken over: a common beginning, a common end, and anything between by its bytes.
struct Kept<'a> {
    before: &'a [Arc<VirtualHost>],
    head: usize,
    tail: usize,
    now: usize,
    between: HashMap<&'a [u8], usize>,
}

impl<'a> Kept<'a> {
    fn of(before: Option<&'a RouteTable>, raw: &[u8], slices: &Slices) -> Self {
        let now = slices.hosts.len();
        let Some(before) = before else {
            return Self {
                before: &[],
                head: 0,
                tail: 0,
                now,
                between: HashMap::new(),
            };
        };
        let old = |at: usize| before.slices.host(&before.raw, at);
        let (was, both) = (
            before.slices.hosts.len(),
            before.slices.hosts.len().min(now),
        );
        let head = (0..both)
            .take_while(|at| old(*at) == slices.host(raw, *at))
            .count();
        let tail = (1..=both - head)
            .take_while(|back| old(was - back) == slices.host(raw, now - back))
            .count();
        Self {
            before: &before.virtual_hosts,
            head,
            tail,
            now,
            between: (head..was - tail).map(|at| (old(at), at)).collect(),
        }
    }

    fn host(&self, at: usize, bytes: &[u8]) -> Option<&'a Arc<VirtualHost>> {
        let old = if at < self.head {
            at
        } else if at >= self.now - self.tail {
            self.before.len() - (self.now - at)
        } else {
            *self.between.get(bytes)?
        };
        Some(&self.before[old])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::not_honoured::NotHonouredFields;
    use crate::http::route::Routes;
    use crate::secret::Secrets;

    fn message(hosts: &[(&str, &str)]) -> pb::RouteConfiguration {
        let host = |(name, prefix): &(&str, &str)| {
            let action = pb::route::Action::DirectResponse(pb::DirectResponseAction {
                status: 200,
                ..Default::default()
            });
            let path = pb::route_match::PathSpecifier::Prefix((*prefix).to_owned());
            pb::VirtualHost {
                name: (*name).to_owned(),
                domains: vec![(*name).to_owned()],
                routes: vec![pb::Route {
                    r#match: Some(pb::RouteMatch {
                        path_specifier: Some(path),
                        ..Default::default()
                    }),
                    action: Some(action),
                    ..Default::default()
                }],
                ..Default::default()
            }
        };
        pb::RouteConfiguration {
            name: "80".to_owned(),
            virtual_hosts: hosts.iter().map(host).collect(),
            ..Default::default()
        }
    }

    fn read(message: &pb::RouteConfiguration, before: Option<&RouteTable>) -> RouteTable {
        let (secrets, routes) = (Secrets::new(), Routes::new());
        let cx = Conversion {
            secrets: &secrets,
            routes: &routes,
            notes: NotHonouredFields::of("route configuration", "80"),
        };
        let sliced = Sliced::read(message.encode_to_vec().into()).unwrap();
        RouteTable::from_slices(sliced, before, cx).unwrap()
    }

    /// Which virtual hosts of the second are the very same as before, by name.
    fn kept(before: &[(&str, &str)], now: &[(&str, &str)]) -> Vec<String> {
        let old = read(&message(before), None);
        let new = read(&message(now), Some(&old));
        let hosts = new.virtual_hosts.iter();
        let same = |host: &&Arc<VirtualHost>| {
            old.virtual_hosts
                .iter()
                .any(|other| Arc::ptr_eq(other, host))
        };
        assert_eq!(new.virtual_hosts.len(), now.len());
        hosts
            .filter(same)
            .map(|host| host.name.to_string())
            .collect()
    }

    #[test]
    fn only_virtual_hosts_whose_bytes_changed_are_read_again() {
        let before = [("a", "/"), ("b", "/"), ("c", "/"), ("d", "/")];
        let changed = [("a", "/"), ("b", "/x"), ("c", "/"), ("d", "/")];
        assert_eq!(kept(&before, &changed), ["a", "c", "d"]);
        assert_eq!(kept(&before, &[("d", "/"), ("a", "/")]), ["d", "a"]);
        assert_eq!(kept(&before, &[("b", "/"), ("e", "/"), ("c", "/y")]), ["b"]);
        assert_eq!(kept(&before, &[]), Vec::<String>::new());
    }

    #[test]
    fn a_table_whose_own_fields_changed_is_read_whole() {
        let hosts = [("a", "/")];
        let old = read(&message(&hosts), None);
        let changed = pb::RouteConfiguration {
            request_headers_to_remove: vec!["x-a".to_owned()],
            ..message(&hosts)
        };
        let new = read(&changed, Some(&old));
        assert!(!Arc::ptr_eq(&new.virtual_hosts[0], &old.virtual_hosts[0]));
    }

    #[test]
    fn the_index_is_taken_over_while_the_domains_stand_where_they_stood() {
        let old = read(&message(&[("a", "/"), ("b", "/")]), None);
        let routes_only = read(&message(&[("a", "/x"), ("b", "/")]), Some(&old));
        assert!(Arc::ptr_eq(&routes_only.index, &old.index));
        let moved = read(&message(&[("b", "/"), ("a", "/")]), Some(&old));
        assert_eq!(&*moved.virtual_host("a").unwrap().name, "a");
    }

    #[test]
    fn bytes_that_are_no_table_are_refused() {
        assert!(Sliced::read(Bytes::from_static(&[0x12, 0x7f, 0])).is_err());
        assert!(Sliced::read(Bytes::from_static(&[0xff])).is_err());
    }
}
