//! The published vectors: key derivation, keystream, and whole packets under given session keys.

use super::*;
use crate::provider::DEFAULT_PROVIDER;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn derive(master: &MasterKey, label: u8, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    session_key(master, &DEFAULT_PROVIDER, label, &mut out);
    out
}

/// test-of: [RFC3711 4.3.1] the vectors of appendix B.3.
#[test]
fn aes_128_key_derivation_matches_rfc_3711_b3() {
    let master = MasterKey::new(
        Suite::AesCm128HmacSha1_80,
        &hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
        &hex("0EC675AD498AFEEBB6960B3AABE6"),
    )
    .unwrap();
    assert_eq!(derive(&master, 0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derive(&master, 2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    let auth = "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE
        E049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC25
        6D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2";
    assert_eq!(derive(&master, 1, 94), hex(auth));
}

/// test-of: [RFC6188 3] the vectors of section 7.2.
#[test]
fn aes_256_key_derivation_matches_rfc_6188_7_2() {
    let master = MasterKey::new(
        Suite::Aes256CmHmacSha1_80,
        &hex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6"),
        &hex("3b04803de51ee7c96423ab5b78d2"),
    )
    .unwrap();
    let key = "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4";
    assert_eq!(derive(&master, 0, 32), hex(key));
    assert_eq!(derive(&master, 2, 14), hex("fa31791685ca444a9e07c6c64e93"));
    assert_eq!(derive(&master, 1, 20), hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
}

/// test-of: [RFC6188 3] the vectors of section 7.4.
#[test]
fn aes_192_key_derivation_matches_rfc_6188_7_4() {
    let master = MasterKey::new(
        Suite::Aes192CmHmacSha1_80,
        &hex("73edc66c4fa15776fb57f9505c17136550ffda71f3e8e5f1"),
        &hex("c8522f3acd4ce86d5add78edbb11"),
    )
    .unwrap();
    assert_eq!(derive(&master, 0, 24), hex("31874736a8f1143870c26e4857d8a5b2c4a354407faadabb"));
    assert_eq!(derive(&master, 2, 14), hex("2372b82d639b6d8503a47adc0a6c"));
    assert_eq!(derive(&master, 1, 20), hex("355b10973cd95b9eacf4061c7e1a7151e7cfbfcb"));
}

/// test-of: [RFC3711 4.1.1] appendix B.2, and [RFC6188 2] sections 7.1 and 7.3: SSRC and index are 0, so that the
/// first block is the salt moved up by 16 bits.
#[test]
fn keystream_matches_rfc_3711_b2_and_rfc_6188_7_1_and_7_3() {
    let mut salt = [0; 14];
    salt.copy_from_slice(&hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
    let cases = [
        (
            "2B7E151628AED2A6ABF7158809CF4F3C",
            "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB
             41E95B3BB0A2E8DD477901E4FCA894C0",
        ),
        (
            "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
            "92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac
             63c4868b7096d88421b563b8c94c9a31",
        ),
        (
            "eab234764e517b2d3d160d587d8c86219740f65f99b6bcf7",
            "35096cba4610028dc1b57503804ce37c 5de986291dcce161d5165ec4568f5c9a
             474a40c77894bc17180202272a4c264d",
        ),
    ];
    for (key, expected) in cases {
        let keyed = DEFAULT_PROVIDER.counter_hmac(aes_key(&hex(key)), &[0; 20]);
        let cipher = Cipher { salt, mode: Mode::Counter { keyed, tag: 10 } };
        let Mode::Counter { keyed, .. } = &cipher.mode else { unreachable!() };
        let mut out = [0; 48];
        keyed.apply_keystream(&cipher.counter_iv(0, 0), &mut out);
        assert_eq!(out.to_vec(), hex(expected));
    }
    // The last blocks before the block counter wraps; B.2 goes as far as 0xfeff to 0xff01.
    let keyed = DEFAULT_PROVIDER.counter_hmac(aes_key(&hex(cases[0].0)), &[0; 20]);
    let cipher = Cipher { salt, mode: Mode::Counter { keyed, tag: 10 } };
    let Mode::Counter { keyed, .. } = &cipher.mode else { unreachable!() };
    let mut long = vec![0; 16 * 0xff02];
    keyed.apply_keystream(&cipher.counter_iv(0, 0), &mut long);
    let tail = "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE
        6A2CC3787889374FBEB4C81B17BA6C44";
    assert_eq!(long[16 * 0xfeff..].to_vec(), hex(tail));
}

const GCM_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const RTP: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
    69736120 696e2070 61727465 73207472 6573";
const RTCP: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
    deadbeef deadbeef deadbeef deadbeef deadbeef";

/// Session keys as RFC 7714 gives them, without derivation.
fn gcm(suite: Suite) -> SessionKeys {
    let cipher = || {
        let mut salt = [0; 14];
        copy_front(&mut salt, b"Quid pro quo");
        let key = hex(GCM_KEY);
        Cipher { salt, mode: Mode::Gcm(DEFAULT_PROVIDER.gcm(aes_key(&key[..suite.master_key_len()]))) }
    };
    SessionKeys { suite, rtp: cipher(), rtcp: cipher() }
}

fn with_room(packet: &[u8], room: usize) -> Vec<u8> {
    [packet, &vec![0; room]].concat()
}

// test-of: [RFC7714 13.2]
/// test-of: [RFC7714 8] sections 16.1 and 16.2.
#[test]
fn gcm_rtp_matches_rfc_7714_16() {
    let cases = [
        (
            Suite::AeadAes128Gcm,
            "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
             0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
        ),
        (
            Suite::AeadAes256Gcm,
            "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238
             9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
        ),
    ];
    for (suite, expected) in cases {
        let keys = gcm(suite);
        let place = RtpPlace { ssrc: 0x5501_a0b2, index: 0xf17b, header_len: 12 };
        let mut packet = with_room(&hex(RTP), GCM_TAG);
        keys.seal_rtp(&mut packet, place);
        assert_eq!(packet, hex(expected), "{suite}");
        keys.open_rtp(&mut packet, place).unwrap();
        assert_eq!(packet[..packet.len() - GCM_TAG], hex(RTP));
        for at in 0..hex(expected).len() {
            let mut forged = hex(expected);
            forged[at] ^= 0x10;
            assert_eq!(keys.open_rtp(&mut forged, place), Err(NotAuthentic), "{suite} byte {at}");
        }
    }
}

/// test-of: [RFC7714 9] sections 17.1 to 17.4: encrypted, and signed only.
#[test]
fn gcm_rtcp_matches_rfc_7714_17() {
    let cases = [
        (
            Suite::AeadAes128Gcm,
            true,
            "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1
             730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        ),
        (
            Suite::AeadAes256Gcm,
            true,
            "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1
             110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
        ),
        (
            Suite::AeadAes128Gcm,
            false,
            "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef
             deadbeef deadbeef deadbeef deadbeef 841dd968 3dd78ec9 2ae58790 125f62b3 000005d4",
        ),
        (
            Suite::AeadAes256Gcm,
            false,
            "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef
             deadbeef deadbeef deadbeef deadbeef 91db4afb feee5a97 8fab4393 ed2615fe 000005d4",
        ),
    ];
    for (suite, encrypted, expected) in cases {
        let keys = gcm(suite);
        let place = RtcpPlace { ssrc: 0x4d61_7273, index: 0x5d4, encrypted };
        let plain = hex(RTCP);
        if encrypted {
            let mut packet = with_room(&plain, suite.rtcp_overhead());
            keys.seal_rtcp(&mut packet, place);
            assert_eq!(packet, hex(expected), "{suite}");
        }
        let mut packet = hex(expected);
        keys.open_rtcp(&mut packet, place).unwrap();
        assert_eq!(packet[..plain.len()], plain, "{suite} encrypted: {encrypted}");
        for at in 0..packet.len() - RTCP_INDEX_WORD {
            let mut forged = hex(expected);
            forged[at] ^= 1;
            assert_eq!(keys.open_rtcp(&mut forged, place), Err(NotAuthentic), "byte {at}");
        }
        // The index word is signed too: the E bit cannot be turned.
        let turned = RtcpPlace { encrypted: !encrypted, ..place };
        let mut forged = hex(expected);
        let at = forged.len() - RTCP_INDEX_WORD;
        forged[at] ^= 0x80;
        assert_eq!(keys.open_rtcp(&mut forged, turned), Err(NotAuthentic));
    }
}

/// A signed-only packet that is refused keeps its bytes.
#[test]
fn a_refused_signed_only_packet_keeps_its_layout() {
    let keys = gcm(Suite::AeadAes128Gcm);
    let place = RtcpPlace { ssrc: 0x4d61_7273, index: 0x5d4, encrypted: false };
    let mut packet = with_room(&hex(RTCP), 16);
    packet.extend_from_slice(&place.word());
    let before = packet.clone();
    assert_eq!(keys.open_rtcp(&mut packet, place), Err(NotAuthentic));
    assert_eq!(packet[..before.len() - 20], before[..before.len() - 20]);
    assert_eq!(packet.last_chunk(), Some(&place.word()));
}
