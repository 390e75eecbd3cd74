interface
  subroutine abor1(text)
    character(len=*), intent(in) :: text
  end subroutine abor1
end interface
