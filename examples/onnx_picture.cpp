// Colors a photo with the ONNX file of the whole picture and the C++ API of ONNX Runtime, 1.12 or later.
//
// g++ -std=c++17 -O2 onnx_picture.cpp -I onnxruntime/include -L onnxruntime/lib -lonnxruntime -o onnx_picture
// ./onnx_picture colorizer-picture.onnx gray.ppm color.ppm      (binary PPM; your app has pixels of its own)

#include <onnxruntime_cxx_api.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 4) return std::cerr << "usage: onnx_picture MODEL SOURCE TARGET\n", 2;

  std::ifstream source(argv[2], std::ios::binary);
  std::string magic;
  int64_t width = 0, height = 0, most = 0;
  source >> magic >> width >> height >> most;
  source.get();
  if (magic != "P6" || most != 255) return std::cerr << argv[2] << ": not a binary PPM of 8 bits\n", 1;
  std::vector<uint8_t> rgb(width * height * 3);
  if (!source.read(reinterpret_cast<char*>(rgb.data()), rgb.size())) return std::cerr << argv[2] << ": cut off\n", 1;

  try {
    Ort::Env environment(ORT_LOGGING_LEVEL_ERROR);
    std::basic_string<ORTCHAR_T> model(argv[1], argv[1] + std::char_traits<char>::length(argv[1]));
    Ort::Session session(environment, model.c_str(), Ort::SessionOptions{});
    std::array<int64_t, 4> shape{1, height, width, 3};
    auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    auto image = Ort::Value::CreateTensor<uint8_t>(memory, rgb.data(), rgb.size(), shape.data(), shape.size());
    const char *input = "image", *output = "color";
    auto color = session.Run(Ort::RunOptions{}, &input, &image, 1, &output, 1);

    std::ofstream target(argv[3], std::ios::binary);
    target << "P6\n" << width << ' ' << height << "\n255\n";
    target.write(reinterpret_cast<const char*>(color[0].GetTensorData<uint8_t>()), rgb.size());
  } catch (const Ort::Exception& error) {
    return std::cerr << error.what() << '\n', 1;
  }
}
