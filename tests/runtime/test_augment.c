/* Augmentations against Pillow and torchvision: being written. */
int main(void) {
    return 0;
}
