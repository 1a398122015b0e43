//! Reading annotations: each value is checked, and an error names the annotation.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde_json::{Map, Value};
use xds_proto::node::InterceptionMode;
use xds_proto::well_known::annotation;

use crate::error::InjectError;

/// Annotations that change what is served or how, and cannot be left out silently.
const REFUSED: [(&str, &str); 1] = [(
    annotation::BOOTSTRAP_OVERRIDE,
    "the proxy has no bootstrap to patch; put settings into the annotation proxy.istio.io/config",
)];

/// Annotations that tune statistics or image variants; a pod works without them.
const NOT_HONOURED: [&str; 12] = [
    annotation::PROXY_IMAGE_TYPE,
    annotation::STATS_HISTOGRAM_BUCKETS,
    annotation::STATS_HISTOGRAM_BINS,
    annotation::STATS_FLUSH_INTERVAL,
    annotation::STATS_EVICTION_INTERVAL,
    annotation::STATS_COMPRESSION,
    annotation::EXTRA_STAT_TAGS,
    annotation::READINESS_APPLICATION_PORTS,
    annotation::SCRAPE_TARGETS,
    annotation::SECURE_METRICS_PORT,
    "k8s.v1.cni.cncf.io/networks",
    "apm.datadoghq.com/env",
];

/// The longest interface name that the kernel takes.
const MAX_INTERFACE_NAME: usize = 15;

pub(super) struct Annotations<'a>(&'a BTreeMap<String, String>);

impl<'a> Annotations<'a> {
    pub(super) fn new(annotations: &'a BTreeMap<String, String>) -> Self {
        Self(annotations)
    }

    pub(super) fn refuse_unsupported(&self) -> Result<(), InjectError> {
        for (annotation, hint) in REFUSED {
            if self.text(annotation).is_some() {
                return Err(InjectError::UnsupportedAnnotation { annotation, hint });
            }
        }
        match self.text(annotation::TEMPLATES) {
            None | Some("sidecar") => Ok(()),
            Some(_) => Err(InjectError::UnsupportedAnnotation {
                annotation: annotation::TEMPLATES,
                hint: "there is one template, `sidecar`; describe deviations as a container named istio-proxy in the pod",
            }),
        }
    }

    pub(super) fn not_honoured(&self) -> Vec<String> {
        let set = NOT_HONOURED
            .into_iter()
            .filter(|name| self.text(name).is_some());
        set.map(|name| format!("annotation {name} is not honoured yet; the pod runs without it"))
            .collect()
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.0
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn text_or(&self, name: &str, default: &str) -> String {
        self.text(name).unwrap_or(default).to_owned()
    }

    pub(super) fn boolean(&self, name: &'static str) -> Result<Option<bool>, InjectError> {
        self.checked(name, "want \"true\" or \"false\"", |value| match value {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    /// A number up to `max`.
    pub(super) fn number(&self, name: &'static str, max: u32) -> Result<Option<u32>, InjectError> {
        let want = format!("want a number from 0 to {max}");
        self.checked(name, &want, |value| {
            value.parse().ok().filter(|number| *number <= max)
        })
    }

    pub(super) fn interception_mode(&self) -> Result<Option<InterceptionMode>, InjectError> {
        self.checked(
            annotation::INTERCEPTION_MODE,
            "want REDIRECT, TPROXY or NONE",
            |value| value.parse().ok(),
        )
    }

    /// A comma-separated list of ports, without the spaces.
    pub(super) fn ports(&self, name: &'static str) -> Result<Option<String>, InjectError> {
        self.list(name, "want ports separated by commas", is_port)
    }

    /// `*` or a list of ports; an empty annotation is a choice too: none.
    pub(super) fn port_choice(&self, name: &'static str) -> Result<Option<String>, InjectError> {
        match self.0.get(name).map(|value| value.trim()) {
            Some("*") => Ok(Some("*".to_owned())),
            Some("") => Ok(Some(String::new())),
            Some(_) => self.list(name, "want `*` or ports separated by commas", is_port),
            None => Ok(None),
        }
    }

    pub(super) fn ranges(&self, name: &'static str) -> Result<Option<String>, InjectError> {
        self.list(
            name,
            "want ranges such as 10.0.0.0/8, separated by commas",
            is_range,
        )
    }

    /// `*` or a list of ranges; an empty annotation is a choice too: none.
    pub(super) fn range_choice(&self, name: &'static str) -> Result<Option<String>, InjectError> {
        match self.0.get(name).map(|value| value.trim()) {
            Some("*") => Ok(Some("*".to_owned())),
            Some("") => Ok(Some(String::new())),
            Some(_) => self.list(
                name,
                "want `*` or ranges such as 10.0.0.0/8, separated by commas",
                is_range,
            ),
            None => Ok(None),
        }
    }

    pub(super) fn interfaces(&self, name: &'static str) -> Result<Option<String>, InjectError> {
        self.list(
            name,
            "want interface names of at most 15 characters, separated by commas",
            |part| {
                part.len() <= MAX_INTERFACE_NAME
                    && part
                        .bytes()
                        .all(|byte| byte.is_ascii_graphic() && byte != b'/')
            },
        )
    }

    /// A Kubernetes quantity; the API server has the last word on it.
    pub(super) fn quantity(&self, name: &'static str) -> Result<Option<&'a str>, InjectError> {
        self.checked(name, "want a quantity such as 100m or 128Mi", |value| {
            let digits = value
                .trim_start_matches('+')
                .find(|c: char| !c.is_ascii_digit() && c != '.');
            let suffix = digits.map_or("", |at| &value[at..]);
            let known = [
                "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
            ];
            let exponent = || {
                suffix
                    .strip_prefix(['e', 'E'])
                    .is_some_and(|rest| rest.parse::<i8>().is_ok())
            };
            (value.starts_with(|c: char| c.is_ascii_digit())
                && (known.contains(&suffix) || exponent()))
            .then_some(value)
        })
    }

    pub(super) fn json_object(
        &self,
        name: &'static str,
    ) -> Result<Map<String, Value>, InjectError> {
        let object = self.checked(name, "want a JSON object", |value| {
            serde_json::from_str(value).ok()
        })?;
        Ok(object.unwrap_or_default())
    }

    fn list(
        &self,
        name: &'static str,
        want: &str,
        good: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, InjectError> {
        self.checked(name, want, |value| {
            let parts: Vec<&str> = value
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .collect();
            parts.iter().all(|part| good(part)).then(|| parts.join(","))
        })
    }

    fn checked<T>(
        &self,
        name: &'static str,
        want: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, InjectError> {
        let Some(value) = self.text(name) else {
            return Ok(None);
        };
        read(value)
            .map(Some)
            .ok_or_else(|| InjectError::InvalidAnnotation {
                annotation: name,
                value: value.to_owned(),
                problem: want.to_owned(),
            })
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port != 0)
}

fn is_range(text: &str) -> bool {
    text.parse::<IpNet>().is_ok()
}
