#include "CPNG.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

const char *cpng_version(void) { return png_get_libpng_ver(NULL); }

typedef struct {
  const uint8_t *bytes;
  size_t count, position;
} input_bytes;

static void on_error(png_structp png, png_const_charp text) {
  char *message = png_get_error_ptr(png);
  strncpy(message, text, CPNG_MESSAGE - 1);
  message[CPNG_MESSAGE - 1] = 0;
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void read_bytes(png_structp png, png_bytep target, size_t count) {
  input_bytes *input = png_get_io_ptr(png);
  if (count > input->count - input->position) png_error(png, "the file ends too early");
  memcpy(target, input->bytes + input->position, count);
  input->position += count;
}

// Everything between setjmp and longjmp that must survive lives in the caller's frame, behind pointers.
static int decode(png_structp png, png_infop state, uint32_t maximum_extent, cpng_info *info, uint8_t *pixels,
                  size_t pixels_size, png_bytep **rows) {
  if (setjmp(png_jmpbuf(png))) return -1;
  png_set_user_limits(png, maximum_extent, maximum_extent);
  png_set_chunk_malloc_max(png, 1 << 20);
  png_set_chunk_cache_max(png, 16);
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_benign_errors(png, 0);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_read_info(png, state);

  int type = png_get_color_type(png, state);
  info->width = png_get_image_width(png, state);
  info->height = png_get_image_height(png, state);
  info->bit_depth = png_get_bit_depth(png, state);
  info->colour = (type & PNG_COLOR_MASK_COLOR) != 0;
  info->alpha = (type & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(png, state, PNG_INFO_tRNS) != 0;
  if (pixels == NULL) return 0;

  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (type == PNG_COLOR_TYPE_GRAY && info->bit_depth < 8) png_set_expand_gray_1_2_4_to_8(png);
  // Expanding a palette turns its transparency into an alpha channel too.
  int expands_alpha = type == PNG_COLOR_TYPE_PALETTE && info->alpha;
  if ((type & PNG_COLOR_MASK_ALPHA) || expands_alpha) png_set_strip_alpha(png);
  if (info->bit_depth == 16 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) png_set_swap(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, state);

  size_t stride = png_get_rowbytes(png, state);
  size_t expected = (size_t)info->width * (info->colour ? 3 : 1) * (info->bit_depth == 16 ? 2 : 1);
  if (stride != expected || pixels_size / stride < info->height) png_error(png, "unexpected row length");
  *rows = malloc(info->height * sizeof(png_bytep));
  if (*rows == NULL) png_error(png, "out of memory");
  for (size_t y = 0; y < info->height; y++) (*rows)[y] = pixels + y * stride;
  png_read_image(png, *rows);
  png_read_end(png, NULL);
  return 0;
}

int cpng_read(const uint8_t *bytes, size_t count, uint32_t maximum_extent, cpng_info *info, void *pixels,
              size_t pixels_size, size_t *consumed, char message[CPNG_MESSAGE]) {
  input_bytes input = {bytes, count, 0};
  png_bytep *rows = NULL;
  strcpy(message, "out of memory");
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, message, on_error, on_warning);
  if (png == NULL) return -1;
  png_infop state = png_create_info_struct(png);
  int result = -1;
  if (state != NULL) {
    png_set_read_fn(png, &input, read_bytes);
    result = decode(png, state, maximum_extent, info, pixels, pixels_size, &rows);
  }
  png_destroy_read_struct(&png, &state, NULL);
  free(rows);
  *consumed = input.position;
  return result;
}

typedef struct {
  cpng_sink sink;
  void *context;
} output_sink;

static void write_bytes(png_structp png, png_bytep bytes, size_t count) {
  output_sink *output = png_get_io_ptr(png);
  if (output->sink(output->context, bytes, count) != 0) png_error(png, "the bytes could not be stored");
}

static void flush_bytes(png_structp png) { (void)png; }

static int encode(png_structp png, png_infop state, const uint8_t *pixels, uint32_t width, uint32_t height,
                  int bit_depth, int compression_level, const char *description) {
  if (setjmp(png_jmpbuf(png))) return -1;
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_IHDR(png, state, width, height, bit_depth, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_compression_level(png, compression_level);
  png_text text = {0};
  text.compression = PNG_TEXT_COMPRESSION_NONE;
  text.key = (char *)"Description";
  text.text = (char *)description;
  png_set_text(png, state, &text, 1);
  png_write_info(png, state);
  if (bit_depth == 16 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) png_set_swap(png);
  size_t stride = (size_t)width * (bit_depth / 8);
  for (size_t y = 0; y < height; y++) png_write_row(png, pixels + y * stride);
  png_write_end(png, state);
  return 0;
}

int cpng_write(const void *pixels, uint32_t width, uint32_t height, int bit_depth, int compression_level,
               const char *description, cpng_sink sink, void *context, char message[CPNG_MESSAGE]) {
  output_sink output = {sink, context};
  strcpy(message, "out of memory");
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, message, on_error, on_warning);
  if (png == NULL) return -1;
  png_infop state = png_create_info_struct(png);
  int result = -1;
  if (state != NULL) {
    png_set_write_fn(png, &output, write_bytes, flush_bytes);
    result = encode(png, state, pixels, width, height, bit_depth, compression_level, description);
  }
  png_destroy_write_struct(&png, &state);
  return result;
}
