//! Messages that travel as a struct: `xds.type.v3.TypedStruct` and its older twin `udpa.type.v1.TypedStruct`.

use prost::Name;

pub use crate::generated::udpa_type::TypedStruct as UdpaTypedStruct;
pub use crate::generated::xds_type::TypedStruct as XdsTypedStruct;
use crate::pb::google::protobuf::{Any, Struct};
use crate::resource::{InvalidResource, unpack_any};

/// Reads either twin: the type URL that it stands for and its fields. `None` when `any` is neither.
///
/// # Errors
/// The bytes are not the message that the type URL says.
pub fn read(any: &Any) -> Result<Option<(String, Struct)>, InvalidResource> {
    if any.type_url == XdsTypedStruct::type_url() {
        let XdsTypedStruct { type_url, value } = unpack_any(any)?;
        return Ok(Some((type_url, value.unwrap_or_default())));
    }
    if any.type_url == UdpaTypedStruct::type_url() {
        let UdpaTypedStruct { type_url, value } = unpack_any(any)?;
        return Ok(Some((type_url, value.unwrap_or_default())));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protobuf_struct;
    use crate::resource::pack_any;

    #[test]
    fn reads_both_twins_and_leaves_others_alone() {
        let value = protobuf_struct::from_json(&json!({"a": 1}));
        let type_url = String::from("type.googleapis.com/x.Y");
        let xds = XdsTypedStruct {
            type_url: type_url.clone(),
            value: value.clone(),
        };
        let udpa = UdpaTypedStruct {
            type_url: type_url.clone(),
            value: value.clone(),
        };
        let expected = Some((type_url, value.expect("an object")));
        assert_eq!(read(&pack_any(&xds)).expect("valid"), expected);
        assert_eq!(read(&pack_any(&udpa)).expect("valid"), expected);
        assert_eq!(read(&Any::default()).expect("not ours"), None);
    }
}
