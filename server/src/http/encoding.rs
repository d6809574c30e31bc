//! Bodies that come packed: gzip, deflate and zstd, never unpacked beyond a bound.

use std::{
    borrow::Cow,
    io::{self, Read},
};

use actix_web::http::header::HeaderValue;

use crate::problem::Problem;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// gzip, of several members too.
    Gzip,
    /// zlib, as HTTP means it.
    Deflate,
    /// Zstandard.
    Zstd,
}

/// Most packings one in another.
const MOST: usize = 2;
/// The largest window of zstd, as a power of 2: no body is larger.
const ZSTD_WINDOW_LOG: u32 = 24;

/// What `Content-Encoding` says, in the order in which it was packed.
///
/// # Errors
/// When one of them is not understood.
pub(super) fn codings<'h>(headers: impl Iterator<Item = &'h HeaderValue>) -> Result<Vec<Coding>, Problem> {
    let mut codings = Vec::new();
    for header in headers {
        for name in header.to_str().unwrap_or("?").split(',').map(str::trim) {
            match name.to_ascii_lowercase().as_str() {
                "" | "identity" => {}
                "gzip" | "x-gzip" => codings.push(Coding::Gzip),
                "deflate" => codings.push(Coding::Deflate),
                "zstd" => codings.push(Coding::Zstd),
                _ => return Err(unsupported(name)),
            }
        }
    }
    if codings.len() > MOST { Err(unsupported("more than two, one in another")) } else { Ok(codings) }
}

fn unsupported(name: &str) -> Problem {
    let shown: String = name.chars().take(60).flat_map(char::escape_debug).collect();
    let detail =
        format!("Content-Encoding {shown} is not understood; send gzip, deflate, zstd, or the body as it is");
    Problem::new(415, "unsupported_encoding", detail)
}

/// The body without its packing, of at most so many bytes.
///
/// # Errors
/// When it has more, or is not packed as was said.
pub(super) fn unpacked<'b>(
    body: &'b [u8],
    codings: &[Coding],
    most: usize,
) -> Result<Cow<'b, [u8]>, Problem> {
    let mut unpacked = Cow::Borrowed(body);
    for coding in codings.iter().rev() {
        unpacked = Cow::Owned(unpack(&unpacked, *coding, most)?);
    }
    Ok(unpacked)
}

fn unpack(body: &[u8], coding: Coding, most: usize) -> Result<Vec<u8>, Problem> {
    let read = match coding {
        Coding::Gzip => read(flate2::read::MultiGzDecoder::new(body), most),
        Coding::Deflate => read(flate2::read::ZlibDecoder::new(body), most),
        Coding::Zstd => zstd::stream::read::Decoder::with_buffer(body).and_then(|mut decoder| {
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            read(decoder, most)
        }),
    };
    let bytes = read.map_err(|error| {
        let detail = format!("the body is not packed as its Content-Encoding says ({coding:?}): {error}");
        Problem::new(400, "malformed", detail)
    })?;
    if bytes.len() > most {
        let detail = format!("unpacked the body is larger than {most} bytes; send it in parts");
        return Err(Problem::new(413, "too_large", detail));
    }
    Ok(bytes)
}

/// All bytes, or one more than allowed.
fn read(reader: impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::Write;

    pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        writer.write_all(body).unwrap();
        writer.finish().unwrap()
    }

    fn zlib(body: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        writer.write_all(body).unwrap();
        writer.finish().unwrap()
    }

    fn coded(name: &str) -> Result<Vec<Coding>, Problem> {
        codings([&HeaderValue::from_str(name).unwrap()].into_iter())
    }

    #[test]
    fn every_packing_is_undone_and_one_in_another_too() {
        let body = b"{\"a\": 1}".repeat(100);
        let zstd = |body: &[u8]| zstd::stream::encode_all(body, 3).unwrap();
        for (packed, names) in [
            (body.clone(), "identity"),
            (gzip(&body), "GZIP"),
            ([gzip(&body[..50]), gzip(&body[50..])].concat(), "x-gzip"),
            (zlib(&body), "deflate"),
            (zstd(&body), "zstd"),
            (zstd(&gzip(&body)), "gzip, zstd"),
        ] {
            assert_eq!(*unpacked(&packed, &coded(names).unwrap(), body.len()).unwrap(), body, "{names}");
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked_and_nonsense_is_told() {
        let bomb = vec![0; 10 << 20];
        for (packed, coding) in [
            (gzip(&bomb), Coding::Gzip),
            (zlib(&bomb), Coding::Deflate),
            (zstd::stream::encode_all(&bomb[..], 3).unwrap(), Coding::Zstd),
        ] {
            assert_eq!(unpacked(&packed, &[coding], 1 << 20).unwrap_err().status, 413);
            assert_eq!(unpacked(b"no such packing", &[coding], 1 << 20).unwrap_err().status, 400);
            assert_eq!(unpacked(&packed[..packed.len() / 2], &[coding], 20 << 20).unwrap_err().status, 400);
        }
    }

    #[test]
    fn a_packing_that_is_not_understood_is_named() {
        let problem = coded("gzip, br").unwrap_err();
        assert_eq!((problem.status, problem.code.as_ref()), (415, "unsupported_encoding"));
        assert!(problem.detail.contains("br is not understood"), "{}", problem.detail);
        assert_eq!(coded("gzip,gzip,gzip").unwrap_err().status, 415);
    }
}
