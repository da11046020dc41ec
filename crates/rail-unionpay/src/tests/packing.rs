//! The zip as a stream: what writers do, and what attackers would.

use std::io::{BufRead, Cursor, Write};

use paifang_rail::StatementError;
use zip::write::SimpleFileOptions;

use super::files::zipped;
use crate::unzip::each_entry;

const LIMIT: u64 = 1 << 20;

type Files = Vec<(String, Vec<u8>)>;

fn unpacked(zip: &[u8]) -> Result<Files, StatementError> {
    let mut files = Vec::new();
    each_entry(&mut Cursor::new(zip), LIMIT, |name, entry: &mut dyn BufRead| {
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(|error| crate::unzip::unpacking(&error))?;
        files.push((String::from_utf8_lossy(name).into_owned(), content));
        Ok(())
    })?;
    Ok(files)
}

fn two() -> Files {
    vec![("a".to_owned(), b"first ".repeat(99)), ("b".to_owned(), b"second".to_vec())]
}

fn packed(options: SimpleFileOptions) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in two() {
        writer.start_file(name, options).unwrap();
        writer.write_all(&content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Writers that look back write the sizes before an entry, those that cannot write them behind it.
#[test]
fn both_ways_of_writing_are_read() {
    assert_eq!(unpacked(&packed(SimpleFileOptions::default())), Ok(two()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    assert_eq!(unpacked(&packed(stored)), Ok(two()));
    let mut writer = zip::ZipWriter::new_stream(Vec::new());
    for (name, content) in two() {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(&content).unwrap();
    }
    let streamed = writer.finish().unwrap().into_inner();
    assert_eq!(unpacked(&streamed), Ok(two()));
    // Without the mark before the sizes, which is optional.
    let mark = 0x0807_4b50_u32.to_le_bytes();
    let mut bare = streamed;
    while let Some(at) = bare.windows(4).position(|part| part == mark) {
        bare.drain(at..at + 4);
    }
    assert_eq!(unpacked(&bare), Ok(two()));
    assert_eq!(unpacked(&zipped(&[])), Ok(Vec::new()));
}

/// What is skipped is checked all the same.
#[test]
fn what_is_left_unread_is_skipped() {
    let mut names = Vec::new();
    let read = each_entry(&mut Cursor::new(packed(SimpleFileOptions::default())), LIMIT, |name, entry| {
        names.push(name.to_vec());
        entry.read_exact(&mut [0]).map_err(|error| crate::unzip::unpacking(&error))
    });
    assert_eq!((read, names), (Ok(()), vec![b"a".to_vec(), b"b".to_vec()]));
}

#[test]
fn a_bomb_is_not_unpacked() {
    let bomb = zipped(&[("a", &vec![0; (1 << 20) + 1])]);
    assert!(bomb.len() < 4096);
    assert!(matches!(unpacked(&bomb), Err(StatementError::TooLarge(_))));
    let half = vec![0; 600_000];
    assert!(matches!(unpacked(&zipped(&[("a", &half), ("b", &half)])), Err(StatementError::TooLarge(_))));
    assert!(unpacked(&zipped(&[("a", &vec![0; 1 << 20])])).is_ok());
    let names: Vec<String> = (0..17).map(|at| at.to_string()).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    assert!(unpacked(&zipped(&many[..16])).is_ok());
    assert!(unpacked(&zipped(&many)).is_err());
    assert!(unpacked(&zipped(&[(&"n".repeat(257), b"")])).is_err());
    let padded = [packed(SimpleFileOptions::default()), vec![0; 70_000]].concat();
    assert!(unpacked(&padded).is_err());
}

/// Before the list at the end no byte can be changed or missing but the time and the version.
#[test]
fn a_damaged_zip_is_refused() {
    let good = packed(SimpleFileOptions::default());
    let list = good.windows(4).position(|part| part == 0x0201_4b50_u32.to_le_bytes()).unwrap();
    let mut same = 0;
    for place in 0..list {
        let mut bad = good.clone();
        bad[place] ^= 1;
        match unpacked(&bad) {
            Err(_) => {}
            Ok(files) => {
                let contents =
                    |files: Files| files.into_iter().map(|(_, content)| content).collect::<Vec<_>>();
                assert_eq!(contents(files), contents(two()), "{place}");
                same += 1;
            }
        }
        assert!(unpacked(&good[..place]).is_err(), "cut after {place}");
    }
    // Per entry: version, the second byte of the flags, time, date, name.
    assert!(same <= 2 * 9, "{same}");
    for (place, value) in [(6, 1), (8, 9), (8, 12)] {
        let mut bad = good.clone();
        bad[place] = value;
        assert!(unpacked(&bad).is_err(), "encrypted, or packed otherwise: {place} {value}");
    }
}
