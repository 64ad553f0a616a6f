//! The console: the files of its pages, as bytes in the binary, each also compressed.
//!
//! They are built from the sources beside them and committed, so that Cargo needs no other tool. Who serves them, with which
//! headers and to whom, is not decided here.

/// A file of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsoleFile {
    /// The path at which it is served.
    pub path: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub content: &'static [u8],
    /// The same, compressed with gzip.
    pub gzip: &'static [u8],
}

macro_rules! console_file {
    ($path:literal, $name:literal, $media_type:literal) => {
        ConsoleFile {
            path: $path,
            media_type: $media_type,
            content: include_bytes!(concat!("dist/", $name)),
            gzip: include_bytes!(concat!("dist/", $name, ".gz")),
        }
    };
}

/// All of them; the first is the page.
pub static FILES: [ConsoleFile; 5] = [
    console_file!("/", "index.html", "text/html; charset=utf-8"),
    console_file!("/console.js", "console.js", "text/javascript; charset=utf-8"),
    console_file!("/editor.js", "editor.js", "text/javascript; charset=utf-8"),
    console_file!("/console.css", "console.css", "text/css; charset=utf-8"),
    console_file!("/icon.svg", "icon.svg", "image/svg+xml"),
];

/// The most bytes of all compressed files together.
pub const GZIP_BYTES_MAX: usize = 400 << 10;

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn each_file_is_there_compressed_and_all_are_small() {
        for file in &FILES {
            let mut content = Vec::new();
            let read = flate2::read::GzDecoder::new(file.gzip).read_to_end(&mut content);
            assert!(read.is_ok() && content == file.content, "{}.gz holds something else", file.path);
        }
        let bytes: usize = FILES.iter().map(|file| file.gzip.len()).sum();
        assert!(bytes <= GZIP_BYTES_MAX, "{bytes}");
    }

    /// The policy of the server lets a browser run no such script and load no such style.
    #[test]
    fn the_page_has_no_script_or_style_in_itself_and_loads_nothing_from_elsewhere() {
        let page = std::str::from_utf8(FILES[0].content).expect("text");
        for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
            assert!(!tag.starts_with("style") && !tag.contains(" style=") && !tag.contains(" on"), "<{tag}>");
            assert!(!tag.starts_with("script") || tag.contains(" src=\""), "<{tag}>");
            assert!(!tag.contains("=\"http") && !tag.contains("=\"//"), "<{tag}>");
        }
    }
}
