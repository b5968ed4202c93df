//! NumPy's file format, version 1: little-endian, row-major.

use trueline_core::model::tensor::{Data, Tensor};

/// The tensor in a file.
pub fn read(bytes: &[u8]) -> Result<Tensor, String> {
    let rest = bytes.strip_prefix(b"\x93NUMPY\x01\x00").ok_or("is no NumPy file of version 1")?;
    let (size, rest) = rest.split_first_chunk::<2>().ok_or("ends in its header")?;
    let (header, body) =
        rest.split_at_checked(usize::from(u16::from_le_bytes(*size))).ok_or("ends in its header")?;
    let header = std::str::from_utf8(header).map_err(|e| e.to_string())?;
    let after = |key: &str| header.split_once(key).map(|(_, rest)| rest).ok_or(format!("has no {key}"));
    if after("'fortran_order':")?.trim_start().starts_with("True") {
        return Err("is column-major".into());
    }
    let kind = after("'descr':")?.split('\'').nth(1).unwrap_or_default();
    let shape = after("'shape':")?.split(['(', ')']).nth(1).unwrap_or_default();
    let shape = shape.split(',').map(str::trim).filter(|n| !n.is_empty()).map(|n| n.parse::<usize>());
    let shape = shape.collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
    let data = match kind {
        "<f4" => Data::F32(body.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()),
        "<i8" => Data::I64(body.as_chunks().0.iter().map(|&b| i64::from_le_bytes(b)).collect()),
        "<i4" => Data::I32(body.as_chunks().0.iter().map(|&b| i32::from_le_bytes(b)).collect()),
        "|b1" => Data::Bool(body.iter().map(|&b| b != 0).collect()),
        "|u1" => Data::U8(body.to_vec()),
        "|i1" => Data::I8(body.iter().map(|&b| b as i8).collect()),
        other => return Err(format!("is of type {other}")),
    };
    Tensor::new(shape, data).map_err(|e| e.message)
}

/// The file of a tensor.
pub fn write(tensor: &Tensor) -> Vec<u8> {
    let (kind, body): (&str, Vec<u8>) = match tensor.data() {
        Data::F32(v) => ("<f4", v.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Data::I64(v) => ("<i8", v.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Data::I32(v) => ("<i4", v.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Data::Bool(v) => ("|b1", v.iter().map(|&v| u8::from(v)).collect()),
        Data::U8(v) => ("|u1", v.clone()),
        Data::I8(v) => ("|i1", v.iter().map(|&v| v as u8).collect()),
    };
    let shape: String = tensor.shape().iter().map(|n| format!("{n}, ")).collect();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    // The numbers start at a multiple of 64.
    let end = (10 + header.len() + 1).next_multiple_of(64) - 10 - 1;
    header.extend(std::iter::repeat_n(' ', end - header.len()));
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend_from_slice(&(header.len() as u16).to_le_bytes());
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(&body);
    out
}
