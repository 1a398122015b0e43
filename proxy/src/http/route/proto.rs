//! Route tables from Envoy's `config.route.v3.RouteConfiguration`.
#![allow(deprecated, reason = "every field is looked at, deprecated ones too")]

mod action;
mod clusters;
mod forward;
mod hash;
mod headers;
mod matching;
mod retry;
mod slices;

use std::sync::Arc;

use bytes::Bytes;
use xds_proto::pb::envoy::config::route::v3 as pb;
use xds_proto::pb::envoy::config::route::v3::virtual_host::TlsRequirementType;

use super::table::HostIndex;
use super::{HeaderEdits, RequireTls, RetryPolicy, Route, RouteTable, VirtualHost};
use crate::config::invalid::{InvalidField, InvalidRoute};
use crate::config::not_honoured::named;
use crate::config::origin::Origin;
use crate::config::wire::{
    Conversion, Read, at, bad, each, flag, known, nonempty, origin, refuse_if, refused, uint,
};
use crate::http::filter::PerFilter;
use crate::http::filter::proto as filters;

pub(crate) use slices::{Sliced, Slices};

/// What a route takes from the levels around it.
#[derive(Debug, Default)]
struct Outer {
    request: HeaderEdits,
    response: HeaderEdits,
    most_specific_wins: bool,
    retry: Option<Arc<RetryPolicy>>,
    per_filter: PerFilter,
    buffer_limit: Option<u32>,
    max_body: usize,
}

/// A route table without its virtual hosts.
struct Table {
    name: Arc<str>,
    outer: Outer,
    ignore_port: bool,
    origin: Origin,
}

impl RouteTable {
    /// A route table as it came over the wire. `raw` is the encoded message.
    ///
    /// # Errors
    /// When a field is wrong, or asks for something that must not be left out.
    pub fn from_proto(
        table: pb::RouteConfiguration,
        raw: Bytes,
        mut cx: Conversion<'_>,
    ) -> Result<Self, InvalidRoute> {
        let refused = InvalidRoute::of(&table.name);
        let mut read = Self::read(&mut cx, table, raw).map_err(refused)?;
        read.not_honoured = cx.notes.into_vec();
        Ok(read)
    }

    pub(crate) fn read(
        cx: &mut Conversion<'_>,
        mut table: pb::RouteConfiguration,
        raw: Bytes,
    ) -> Read<Self> {
        let hosts = std::mem::take(&mut table.virtual_hosts);
        let table = Table::read(cx, table)?;
        let hosts = each("virtual_hosts", hosts, |host| {
            self::virtual_host(cx, host, &table.outer)
        })?;
        let hosts: Vec<_> = hosts.into_iter().map(Arc::new).collect();
        let index = HostIndex::new(&hosts).map_err(bad("virtual_hosts"))?;
        Ok(table.with(hosts, Arc::new(index), raw))
    }
}

impl Table {
    fn read(cx: &mut Conversion<'_>, table: pb::RouteConfiguration) -> Read<Self> {
        let pb::RouteConfiguration {
            name,
            virtual_hosts: _, // read by the caller
            vhds,
            internal_only_headers,
            response_headers_to_add,
            response_headers_to_remove,
            request_headers_to_add,
            request_headers_to_remove,
            most_specific_header_mutations_wins,
            validate_clusters,
            max_direct_response_body_size_bytes,
            cluster_specifier_plugins,
            request_mirror_policies,
            ignore_port_in_host_matching,
            vhost_header,
            ignore_path_parameters_in_path_matching,
            typed_per_filter_config,
            metadata,
            route_specifiers,
        } = table;
        refused!({
            vhds => "virtual hosts by VHDS are not supported",
            internal_only_headers => "is not supported; remove the headers with request_headers_to_remove",
        });
        let mandatory = cluster_specifier_plugins
            .iter()
            .any(|plugin| !plugin.is_optional);
        refuse_if(
            mandatory,
            "cluster_specifier_plugins",
            "plugins are not supported",
        )?;
        refused!({
            vhost_header => "is not supported; virtual hosts follow the authority",
        });
        let parameters = ignore_path_parameters_in_path_matching;
        refuse_if(
            parameters,
            "ignore_path_parameters_in_path_matching",
            "is not supported",
        )?;
        refused!({
            route_specifiers => "is not supported",
        });
        named!(cx.notes, "", {
            request_mirror_policies => "requests are not copied",
        });
        cx.notes.note(
            "validate_clusters",
            &flag(validate_clusters).unwrap_or(false),
            "clusters may come later than routes that name them",
        );
        let outer = Outer {
            request: headers::edits(
                "request_headers",
                request_headers_to_add,
                request_headers_to_remove,
            )?,
            response: headers::edits(
                "response_headers",
                response_headers_to_add,
                response_headers_to_remove,
            )?,
            most_specific_wins: most_specific_header_mutations_wins,
            per_filter: filters::per_filter(cx, typed_per_filter_config)?,
            max_body: uint(max_direct_response_body_size_bytes).unwrap_or(4096) as usize,
            ..Outer::default()
        };
        Ok(Self {
            name: name.into(),
            outer,
            ignore_port: ignore_port_in_host_matching,
            origin: origin(metadata.as_ref()),
        })
    }

    fn with(self, hosts: Vec<Arc<VirtualHost>>, index: Arc<HostIndex>, raw: Bytes) -> RouteTable {
        RouteTable {
            name: self.name,
            virtual_hosts: hosts,
            index,
            ignore_port: self.ignore_port,
            origin: self.origin,
            not_honoured: Vec::new(),
            slices: Slices::default(),
            raw,
        }
    }
}

fn virtual_host(
    cx: &mut Conversion<'_>,
    host: pb::VirtualHost,
    table: &Outer,
) -> Read<VirtualHost> {
    let pb::VirtualHost {
        name,
        domains,
        routes,
        matcher: tree,
        require_tls,
        virtual_clusters,
        rate_limits,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        cors,
        typed_per_filter_config,
        include_request_attempt_count,
        include_attempt_count_in_response,
        retry_policy,
        retry_policy_typed_config,
        hedge_policy,
        include_is_timeout_retry_header,
        per_request_buffer_limit_bytes,
        request_body_buffer_limit,
        request_mirror_policies,
        metadata,
        route_specifiers,
    } = host;
    refuse_if(
        tree.is_some(),
        "matcher",
        "matcher trees are not supported; list routes",
    )?;
    refused!({
        route_specifiers => "is not supported",
        rate_limits => "rate limits are not supported",
        retry_policy_typed_config => "use retry_policy",
    });
    refuse_if(domains.is_empty(), "domains", "at least one is required")?;
    let noted = cx.notes.count();
    named!(cx.notes, "virtual_hosts.", {
        virtual_clusters => "the statistics are not kept",
        hedge_policy => "requests are not hedged",
        include_is_timeout_retry_header => "the header is not written",
        request_mirror_policies => "requests are not copied",
    });
    let mut per_filter = filters::per_filter(cx, typed_per_filter_config)?;
    per_filter.cors = filters::route_cors(cx, cors).map_err(at("cors"))?;
    let per_filter = per_filter.or(&table.per_filter);
    let request = headers::edits(
        "request_headers",
        request_headers_to_add,
        request_headers_to_remove,
    )?;
    let response = headers::edits(
        "response_headers",
        response_headers_to_add,
        response_headers_to_remove,
    )?;
    let retry = retry_policy
        .map(|policy| retry::policy(cx, policy))
        .transpose()
        .map_err(at("retry_policy"))?;
    let outer = Outer {
        request: headers::in_order(request, &table.request, table.most_specific_wins),
        response: headers::in_order(response, &table.response, table.most_specific_wins),
        most_specific_wins: table.most_specific_wins,
        retry: retry.map(Arc::new),
        per_filter: per_filter.clone(),
        buffer_limit: buffer_limit(request_body_buffer_limit, per_request_buffer_limit_bytes),
        max_body: table.max_body,
    };
    let routes = each("routes", routes, |route| {
        self::route(cx, route, &outer).map(Arc::new)
    })?;
    Ok(VirtualHost {
        name: nonempty("name", name)?.into(),
        domains: each("domains", domains, domain)?,
        routes,
        require_tls: match known("require_tls", require_tls)? {
            TlsRequirementType::None => RequireTls::None,
            TlsRequirementType::ExternalOnly => RequireTls::ExternalOnly,
            TlsRequirementType::All => RequireTls::All,
        },
        attempt_count_in_request: include_request_attempt_count,
        attempt_count_in_response: include_attempt_count_in_response,
        per_filter,
        origin: origin(metadata.as_ref()),
        not_honoured: cx.notes.since(noted).into(),
    })
}

fn domain(domain: String) -> Read<Arc<str>> {
    refuse_if(domain.is_empty(), "", "must not be empty")?;
    let stars = domain.matches('*').count();
    let edge = domain.starts_with('*') || domain.ends_with('*');
    refuse_if(
        stars > 1 || (stars == 1 && !edge),
        "",
        "one * may stand at the beginning or at the end",
    )?;
    Ok(domain.to_ascii_lowercase().into())
}

fn buffer_limit(
    new: Option<xds_proto::pb::google::protobuf::UInt64Value>,
    old: Option<xds_proto::pb::google::protobuf::UInt32Value>,
) -> Option<u32> {
    new.map(|limit| u32::try_from(limit.value).unwrap_or(u32::MAX))
        .or(uint(old))
}

fn route(cx: &mut Conversion<'_>, route: pb::Route, outer: &Outer) -> Read<Route> {
    let pb::Route {
        name,
        r#match,
        metadata,
        decorator: _, // names spans, which are not reported; Istio sets it on every route
        typed_per_filter_config,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        tracing,
        per_request_buffer_limit_bytes,
        stat_prefix,
        request_body_buffer_limit,
        route_specifiers,
        action,
    } = route;
    refused!({
        route_specifiers => "is not supported",
    });
    named!(cx.notes, "routes.", {
        tracing => "no spans are reported",
    });
    let mut per_filter = filters::per_filter(cx, typed_per_filter_config)?;
    let action = action::read(cx, action, outer, &mut per_filter)?;
    let per_filter = per_filter.or(&outer.per_filter);
    let request = headers::edits(
        "request_headers",
        request_headers_to_add,
        request_headers_to_remove,
    )?;
    let response = headers::edits(
        "response_headers",
        response_headers_to_add,
        response_headers_to_remove,
    )?;
    let Some(r#match) = r#match else {
        return Err(InvalidField::new("match", "is required"));
    };
    Ok(Route {
        name: name.into(),
        matching: matching::read(cx, r#match).map_err(at("match"))?,
        action,
        request_headers: headers::in_order(request, &outer.request, outer.most_specific_wins),
        response_headers: headers::in_order(response, &outer.response, outer.most_specific_wins),
        per_filter,
        stat_prefix: (!stat_prefix.is_empty()).then(|| stat_prefix.into()),
        request_buffer_limit: buffer_limit(
            request_body_buffer_limit,
            per_request_buffer_limit_bytes,
        )
        .or(outer.buffer_limit),
        origin: origin(metadata.as_ref()),
    })
}
