//! Istio `PeerAuthentication`.

use super::cx::Cx;
use super::problem::Invalid;
use crate::model::Labels;
use crate::model::authn::{MtlsMode, PeerAuthentication};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct Raw {
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    selector: Selector,
    mtls: Option<Mtls>,
    port_level_mtls: BTreeMap<u16, Mtls>,
}

/// `selector` of Istio's security kinds.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Selector {
    match_labels: BTreeMap<String, String>,
}

impl Selector {
    pub(super) fn labels(&self) -> Labels {
        self.match_labels
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Mtls {
    mode: Mode,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Mode {
    #[default]
    Unset,
    Disable,
    Permissive,
    Strict,
}

pub(super) fn lower(raw: Raw, cx: &Cx<'_>) -> Result<PeerAuthentication, Invalid> {
    let Raw {
        spec: Spec {
            selector,
            mtls,
            port_level_mtls,
        },
    } = raw;
    let selector = selector.labels();
    if !port_level_mtls.is_empty() && selector.is_empty() {
        return Err(Invalid::new(
            "ports need a `selector`; name the workloads whose ports are meant in spec.selector.matchLabels",
        )
        .at("spec.portLevelMtls"));
    }
    if port_level_mtls.contains_key(&0) {
        return Err(
            Invalid::new("0 is no port; write a number from 1 to 65535").at("spec.portLevelMtls")
        );
    }
    Ok(PeerAuthentication {
        origin: cx.origin.clone(),
        selector,
        mode: mtls.and_then(|mtls| mode(mtls.mode)),
        ports: port_level_mtls
            .into_iter()
            .map(|(port, mtls)| (port, mode(mtls.mode)))
            .collect(),
        created: cx.created,
    })
}

fn mode(mode: Mode) -> Option<MtlsMode> {
    match mode {
        Mode::Unset => None,
        Mode::Disable => Some(MtlsMode::Disable),
        Mode::Permissive => Some(MtlsMode::Permissive),
        Mode::Strict => Some(MtlsMode::Strict),
    }
}
