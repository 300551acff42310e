#ifndef CPosix_H
#define CPosix_H
#endif
