/** Endings of file names, as in photos/files.py and photos/find.py. */

export const PHOTOS = "avif bmp gif heic heif jfif jpe jpeg jpg png tif tiff webp".split(" ");

export const FILMS =
  "3g2 3gp asf avi divx dv f4v flv h264 hevc m2ts m2v m4v mkv mov mp4 mpe mpeg mpg mts mxf ogm ogv qt rm rmvb ts vob webm wmv y4m".split(" ");

/** A pattern for the end of a name with one of these suffixes. */
export function ending(suffixes) {
  return new RegExp(String.raw`\.(${suffixes.join("|")})$`, "i");
}
