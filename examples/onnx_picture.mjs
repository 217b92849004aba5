// Colors a photo with the ONNX file of the whole picture, in Node.
//
// npm install onnxruntime-node sharp
// node onnx_picture.mjs colorizer-picture.onnx gray.jpg color.jpg

import ort from "onnxruntime-node";
import sharp from "sharp";

const [model, source, target] = process.argv.slice(2);
const session = await ort.InferenceSession.create(model);
const upright = sharp(source).rotate().flatten({ background: "white" }).toColourspace("srgb");
const { data, info } = await upright.raw().toBuffer({ resolveWithObject: true });
const image = new ort.Tensor("uint8", Uint8Array.from(data), [1, info.height, info.width, 3]);
const { color } = await session.run({ image });
await sharp(color.data, { raw: { width: info.width, height: info.height, channels: 3 } }).toFile(target);
