/** The example tables of the JPEG standard (ITU T.81, annex K), as they stand in files. */

/** Place of the k-th coefficient of a file in a block of eight rows. */
export const ZIGZAG = Uint8Array.of(
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55,
  62, 63,
);

/** Steps of quality 50, of luminance and of chrominance, in the order of files. */
export const STEPS = [
  bytes(
    "100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933" +
      "383740485c4e404457453738506d51575f626768673e4d71797064785c656763",
  ),
  bytes("11121218" + "15182f1a" + "1a2f6342" + "38426363" + "63".repeat(48)),
];

/** Huffman tables of luminance and of chrominance: how many codes have each length, then their symbols. */
export const HUFFMAN = [
  {
    dc: bytes("00010501010101010100000000000000000102030405060708090a0b"),
    ac: bytes(
      "0002010303020403050504040000017d01020300041105122131410613516107227114328191a1082342b1c11552d1f024336272" +
        "82090a161718191a25262728292a3435363738393a434445464748494a535455565758595a636465666768696a73747576777879" +
        "7a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8" +
        "d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa",
    ),
  },
  {
    dc: bytes("00030101010101010101010000000000000102030405060708090a0b"),
    ac: bytes(
      "00020102040403040705040400010277000102031104052131061241510761711322328108144291a1b1c109233352f0156272d1" +
        "0a162434e125f11718191a262728292a35363738393a434445464748494a535455565758595a636465666768696a737475767778" +
        "797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6" +
        "d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa",
    ),
  },
];

function bytes(hex) {
  return Uint8Array.from(hex.match(/../g), (pair) => Number.parseInt(pair, 16));
}
